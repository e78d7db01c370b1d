// Package builtins keeps OPA's builtin functions inside: no policy reads a file or a variable of the machine, and none
// reaches a host that is not listed, whichever function it calls. It also makes their errors name what they were
// called with. Importing it is enough: OPA has one table of functions in a process.
package builtins

import (
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"
)

// Class is what an answer of a builtin may depend on.
type Class string

// Classes of builtins.
const (
	Pure    Class = "pure"    // its arguments and the policies
	Output  Class = "output"  // its arguments; it says something to whoever tests the policy
	Zones   Class = "zones"   // its arguments and the machine's database of time zones, by names that can't leave it
	Time    Class = "time"    // the clock, too
	Random  Class = "random"  // chance
	Network Class = "network" // hosts, which must be listed
	Refused Class = "refused" // the machine: it is told nothing (opa.runtime is an empty object)
)

// classes holds every builtin that OPA has, each looked at. A new one belongs nowhere, which a test reports.
var classes = map[Class]string{
	Network: "http.send json.match_schema json.verify_schema net.lookup_ip_addr",
	Refused: "opa.runtime",
	Random:  "io.jwt.encode_sign io.jwt.encode_sign_raw rand.intn uuid.rfc4122",
	Time: "crypto.x509.parse_and_verify_certificates crypto.x509.parse_and_verify_certificates_with_options " +
		"io.jwt.decode_verify time.now_ns",
	Zones:  "time.add_date time.clock time.date time.diff time.format time.weekday",
	Output: "internal.print print trace",
	Pure: "abs all and any array.concat array.flatten array.reverse array.slice assign base64.decode base64.encode " +
		"base64.is_valid base64url.decode base64url.encode base64url.encode_no_pad bits.and bits.lsh bits.negate bits.or " +
		"bits.rsh bits.xor cast_array cast_boolean cast_null cast_object cast_set cast_string ceil concat contains count " +
		"crypto.hmac.equal crypto.hmac.md5 crypto.hmac.sha1 crypto.hmac.sha256 crypto.hmac.sha512 crypto.md5 " +
		"crypto.parse_private_keys crypto.sha1 crypto.sha256 crypto.x509.parse_certificate_request " +
		"crypto.x509.parse_certificates crypto.x509.parse_keypair crypto.x509.parse_rsa_private_key div endswith eq equal " +
		"floor format_int glob.match glob.quote_meta graph.reachable graph.reachable_paths graphql.is_valid graphql.parse " +
		"graphql.parse_and_verify graphql.parse_query graphql.parse_schema graphql.schema_is_valid gt gte hex.decode " +
		"hex.encode indexof indexof_n internal.member_2 internal.member_3 internal.template_string internal.test_case " +
		"intersection io.jwt.decode io.jwt.verify_eddsa io.jwt.verify_es256 io.jwt.verify_es384 io.jwt.verify_es512 " +
		"io.jwt.verify_hs256 io.jwt.verify_hs384 io.jwt.verify_hs512 io.jwt.verify_ps256 io.jwt.verify_ps384 " +
		"io.jwt.verify_ps512 io.jwt.verify_rs256 io.jwt.verify_rs384 io.jwt.verify_rs512 is_array is_boolean is_null " +
		"is_number is_object is_set is_string json.filter json.is_valid json.marshal json.marshal_with_options json.patch " +
		"json.remove json.unmarshal lower lt lte max min minus mul neq net.cidr_contains net.cidr_contains_matches " +
		"net.cidr_expand net.cidr_intersects net.cidr_is_valid net.cidr_merge net.cidr_overlap numbers.range " +
		"numbers.range_step object.filter object.get object.keys object.remove object.subset object.union object.union_n or " +
		"plus product providers.aws.sign_req re_match regex.find_all_string_submatch_n regex.find_n regex.globs_match " +
		"regex.is_valid regex.match regex.replace regex.split regex.template_match rego.metadata.chain rego.metadata.rule " +
		"rego.parse_module rem replace round semver.compare semver.is_valid set_diff sort split sprintf startswith " +
		"strings.any_prefix_match strings.any_suffix_match strings.count strings.render_template strings.replace_n " +
		"strings.reverse strings.split_n substring sum time.parse_duration_ns time.parse_ns time.parse_rfc3339_ns to_number " +
		"trim trim_left trim_prefix trim_right trim_space trim_suffix type_name union units.parse units.parse_bytes upper " +
		"uri.is_valid uri.parse urlquery.decode urlquery.decode_object urlquery.encode urlquery.encode_object uuid.parse walk " +
		"yaml.is_valid yaml.marshal yaml.unmarshal",
}

// ClassOf is the class of a builtin; "" for one that nobody has looked at.
func ClassOf(name string) Class {
	for class, names := range classes {
		if slices.Contains(strings.Fields(names), name) {
			return class
		}
	}
	return ""
}

// outside are the builtins whose answers depend on more than their arguments and the policies; true for those whose calls
// are noted (see Asked).
var outside = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for _, builtin := range ast.Builtins {
		if class := ClassOf(builtin.Name); class != Pure && class != Output || builtin.Nondeterministic {
			names[builtin.Name] = builtin.Nondeterministic
		}
	}
	return names
})

// LeadOutside says whether a rule or a module calls, or names, a builtin whose answer depends on more than its arguments
// and the policies: OPA's, or one of `others`.
func LeadOutside(x any, others ...string) bool {
	return names(x, func(name string) bool {
		_, leads := outside()[name]
		return leads || slices.Contains(others, name)
	})
}

// LeadOutsideUnnoted is LeadOutside without the builtins whose calls are noted (see Asked).
func LeadOutsideUnnoted(x any) bool {
	return names(x, func(name string) bool {
		noted, leads := outside()[name]
		return leads && !noted
	})
}

// names says whether a rule or a module calls, or names, a builtin of some kind.
func names(x any, kind func(string) bool) bool {
	found := false
	ast.WalkRefs(x, func(ref ast.Ref) bool {
		if head, isVar := ref[0].Value.(ast.Var); isVar && head != ast.DefaultRootDocument.Value && head != ast.InputRootDocument.Value {
			found = found || kind(ref.String())
		}
		return found
	})
	return found
}

// Capabilities are those of policies that may reach the listed hosts, and no other.
func Capabilities(allowNet []string) *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.AllowNet = append([]string{}, allowNet...) // never nil: nil means every host
	return c
}
