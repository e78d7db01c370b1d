package compiled

import "github.com/open-policy-agent/opa/v1/ast"

// native is a builtin done without OPA's calling convention, nil where there is none.
func native(decl *ast.Builtin, args []getter) getter {
	return nil
}
