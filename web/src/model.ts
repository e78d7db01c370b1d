// What the server answers: the values of attest_governance.model.play, as JSON.

export type Name = "policy" | "input" | "data" | "tests";
export const NAMES: readonly Name[] = ["policy", "input", "data", "tests"];
export const isName = (text: string | undefined): text is Name => NAMES.includes(text as Name);
export type Texts = Record<Name, string>;

export interface Start {
  texts: Partial<Texts>;
  files: Partial<Texts>;
  version: string;
}

export interface Problem {
  severity: "error" | "warning";
  code: string;
  message: string;
  file?: string;
  line?: number;
  column?: number;
  endLine?: number;
  endColumn?: number;
  hint?: string;
}

export interface Location {
  file: string;
  line: number;
  column: number;
  endLine: number;
  endColumn: number;
  path: string;
}

export interface Resource {
  kind: string;
  namespace?: string;
  name: string;
}

export interface Finding {
  rule: string;
  resource: Resource; // that of its trace
  severity: string;
  enforcement: string;
  message: string;
  location: Location;
  details?: Record<string, unknown>;
  fix?: string;
}

export interface Node {
  kind: "rule" | "expression" | "element" | "result" | "note" | "print" | "more";
  name?: string;
  text?: string;
  outcome?: "holds" | "fails" | "";
  again?: boolean;
  reason?: string;
  values?: { name: string; value: string }[];
  file?: string;
  line?: number;
  count?: number;
  message?: string;
  children?: Node[];
}

export interface Printed {
  text: string;
  line?: number;
}

export interface Trace {
  policy: string;
  resource: Resource;
  line: number;
  nanoseconds: number;
  findings?: Finding[];
  rules?: Node[];
  printed?: Printed[];
  truncated?: boolean;
}

export interface Span {
  from: number;
  to: number;
}

// Each line is in one of the lists at most; `failed` are those of which a part was evaluated and never held.
export interface Coverage {
  covered: Span[];
  failed: Span[];
  notCovered: Span[];
  percent: number;
}

export interface ProfileLine {
  line: number;
  evaluations: number;
  redos: number;
  nanoseconds: number;
}

export interface Output {
  policy: string;
  resource: string;
  value: unknown;
  error: string;
}

export interface Played {
  verdict: "allow" | "deny" | "error";
  problems: Problem[];
  traces: Trace[];
  outputs: Output[];
  coverage: Coverage;
  profile: ProfileLine[];
}

export interface Test {
  name: string;
  line: number;
  outcome: "passed" | "failed" | "error" | "skipped";
  nanoseconds: number;
  message?: string;
  rules?: Node[];
  printed?: Printed[];
}

export interface Tested {
  problems: Problem[];
  tests: Test[];
  coverage: Coverage;
}
