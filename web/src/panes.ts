// The panes that show what an evaluation came to.
import { count, duration, element, lineLink } from "./dom";
import type { Finding, Output, Played, Printed, Problem, Resource, Tested, Trace } from "./model";
import { type Places, tree } from "./tree";

const VERDICTS = { allow: "Allowed", deny: "Denied", error: "Not decided" };

const SEVERITIES = ["critical", "high", "medium", "low"];

// All findings, the worst first.
export function findingsOf(played: Played): Finding[] {
  const rank = (one: Finding) => SEVERITIES.indexOf(one.severity);
  const all = played.traces.flatMap((trace) => (trace.findings ?? []).map((one) => ({ ...one, resource: trace.resource })));
  return all.sort((a, b) => rank(a) - rank(b) || a.location.line - b.location.line);
}

export function headline(played: Played): string {
  const errors = played.problems.filter((one) => one.severity === "error").length;
  const told = played.verdict === "error" ? count(errors, "problem") : count(findingsOf(played).length, "finding");
  return `${VERDICTS[played.verdict]} · ${told}`;
}

export function result(played: Played, places: Places): HTMLElement[] {
  const findings = findingsOf(played);
  const said = played.traces.flatMap((trace) => trace.printed ?? []);
  return [
    ...problems(played.problems, places),
    ...(findings.length > 0 ? [element("ul", { class: "findings" }, ...findings.map((one) => complaint(one, places)))] : []),
    ...(played.verdict === "allow" && findings.length === 0 ? [element("p", {}, "The policy has nothing against this input.")] : []),
    ...prints(said),
    ...played.outputs.map(output),
  ];
}

// What a resource is called; nothing for an input document.
function resource(one: Resource): string {
  return [one.kind, one.namespace, one.name].filter(Boolean).join("/");
}

export function problems(all: Problem[], places: Places): HTMLElement[] {
  return all.length === 0 ? [] : [element("ul", { class: "problems" }, ...all.map((one) => trouble(one, places)))];
}

function trouble(problem: Problem, places: Places): HTMLElement {
  const { file = "", line = 0 } = problem;
  return element("li", { "data-severity": problem.severity },
    element("span", { class: "badge" }, problem.severity), " ",
    element("span", { class: "message" }, problem.message), " ",
    file !== "" && lineLink(line ? `${places.name(file)} line ${line}` : places.name(file), () => places.go(file, line || 1)),
    problem.hint ? element("div", { class: "quiet" }, problem.hint) : null);
}

function complaint(finding: Finding, places: Places): HTMLElement {
  const { line, path } = finding.location;
  const details = Object.keys(finding.details ?? {}).length > 0 ? JSON.stringify(finding.details) : "";
  return element("li", { "data-severity": finding.severity },
    element("span", { class: "badge" }, finding.severity), " ",
    finding.enforcement === "strict" ? null : element("span", { class: "badge plain" }, finding.enforcement), " ",
    element("span", { class: "message" }, finding.message), " ",
    element("span", { class: "quiet" }, resource(finding.resource)), " ",
    lineLink(`${places.name("input")} line ${line}`, () => places.go("input", line)),
    path ? element("code", { class: "quiet" }, path) : null,
    details ? element("div", { class: "quiet" }, details) : null,
    finding.fix ? element("div", { class: "fix" }, finding.fix) : null);
}

function prints(printed: Printed[]): HTMLElement[] {
  if (printed.length === 0) return [];
  const text = printed.map((one) => `${one.line ? `line ${one.line}: ` : ""}${one.text}`).join("\n");
  return [element("h3", {}, "Printed"), element("pre", { tabindex: 0 }, text)];
}

function output(one: Output): HTMLElement {
  const text = one.error || JSON.stringify(one.value ?? null, null, 2);
  const title = `Rules of ${one.policy}${one.resource ? ` for ${one.resource}` : ""}`;
  return element("details", { open: true }, element("summary", {}, title), element("pre", { tabindex: 0 }, text));
}

export function traces(all: Trace[], places: Places): HTMLElement[] {
  if (all.length === 0) return [element("p", {}, "Nothing was evaluated.")];
  return all.flatMap((trace) => [
    element("h3", {}, `${trace.policy} on ${resource(trace.resource) || places.name("input")}`,
      element("span", { class: "quiet" }, ` ${duration(trace.nanoseconds)}, tracing included`)),
    tree(trace.rules ?? [], places),
    ...(trace.truncated ? [element("p", { class: "quiet" }, "The trace is too long to be shown whole.")] : []),
  ]);
}

export function profile(played: Played, policy: string, places: Places): HTMLElement[] {
  if (played.profile.length === 0) return [element("p", {}, "Nothing was measured.")];
  const lines = policy.split("\n");
  const total = played.profile.reduce((sum, one) => sum + one.nanoseconds, 0) || 1;
  const rows = played.profile.map((one) => element("tr", {},
    element("td", {}, lineLink(String(one.line), () => places.go("policy", one.line))),
    element("td", {}, element("code", {}, (lines[one.line - 1] ?? "").trim())),
    element("td", { class: "number" }, duration(one.nanoseconds)),
    element("td", { class: "number" }, `${Math.round((100 * one.nanoseconds) / total)} %`),
    element("td", { class: "number" }, String(one.evaluations)),
    element("td", { class: "number" }, String(one.redos))));
  const heads = ["Line", "Source", "Time", "Share", "Evaluations", "Redos"];
  const head = element("tr", {}, ...heads.map((text) => element("th", { scope: "col" }, text)));
  const caption = element("caption", {}, `${places.name("policy")}: ${played.coverage.percent.toFixed(0)} % of its lines were evaluated; dearest lines first`);
  return [element("table", {}, caption, element("thead", {}, head), element("tbody", {}, ...rows))];
}

const OUTCOMES = { passed: "✓ passed", failed: "✗ failed", error: "! error", skipped: "– skipped" };

export function tests(tested: Tested, places: Places): HTMLElement[] {
  const passed = tested.tests.filter((one) => one.outcome === "passed").length;
  const list = tested.tests.map((one) => element("li", { "data-outcome": one.outcome },
    element("span", { class: `mark ${one.outcome}` }, OUTCOMES[one.outcome]), " ",
    element("code", {}, one.name), " ", lineLink(`${places.name("tests")} line ${one.line}`, () => places.go("tests", one.line)),
    element("span", { class: "quiet" }, ` ${duration(one.nanoseconds)}`),
    one.message ? element("div", { class: "reason" }, one.message) : null,
    one.rules?.length ? tree(one.rules, places) : null,
    ...prints(one.printed ?? [])));
  const summary = `${passed} of ${count(tested.tests.length, "test")} passed; they evaluate ${tested.coverage.percent.toFixed(0)} % of the policy's lines`;
  return [
    ...problems(tested.problems, places),
    tested.tests.length > 0 ? element("p", {}, summary) : element("p", {}, "There is no rule whose name begins with `test_`."),
    element("ul", { class: "tests" }, ...list),
  ];
}
