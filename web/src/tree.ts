// The steps of an evaluation as a tree that opens and closes.
import { count, element, lineLink } from "./dom";
import { isName, type Node as Step } from "./model";

// Leads to a line of a document, and says what the document is called.
export interface Places {
  go(document: string, line: number): void;
  name(document: string): string;
}

const OPEN_DEPTH = 2;
const MAX_CHILDREN = 300;

export function tree(steps: Step[], places: Places, depth = 0): HTMLElement {
  const list = element("ul", { class: "tree" });
  for (const step of steps.slice(0, MAX_CHILDREN)) {
    list.append(element("li", {}, branch(step, places, depth)));
  }
  if (steps.length > MAX_CHILDREN) {
    list.append(element("li", { class: "quiet" }, `${steps.length - MAX_CHILDREN} more`));
  }
  return list;
}

function branch(step: Step, places: Places, depth: number): HTMLElement {
  const children = step.children ?? [];
  if (children.length === 0) {
    return element("div", { class: "leaf" }, ...line(step, places));
  }
  const details = element("details", {}, element("summary", {}, ...line(step, places)));
  const fill = () => details.childElementCount === 1 && details.append(tree(children, places, depth + 1));
  details.addEventListener("toggle", fill, { once: true }); // a large tree is built where it is looked at
  if (depth < OPEN_DEPTH) {
    fill();
    details.open = true;
  }
  return details;
}

function line(step: Step, places: Places): (HTMLElement | string | false)[] {
  const { file, line: at } = step;
  return [
    outcome(step),
    element("code", { class: `step-${step.kind}` }, words(step)),
    ...(step.values ?? []).map((one) => element("span", { class: "value" }, element("b", {}, one.name), ` = ${one.value}`)),
    step.reason ? element("span", { class: "reason" }, step.reason) : false,
    file && at ? place(file, at, places) : false,
  ];
}

// Only the documents of the page can be gone to; the rules of libraries stand elsewhere.
function place(file: string, line: number, places: Places): HTMLElement {
  if (isName(file)) return lineLink(file === "policy" ? `line ${line}` : `${places.name(file)} line ${line}`, () => places.go(file, line));
  return element("span", { class: "quiet" }, `${file.split(/[\\/]/).pop()} line ${line}`);
}

function outcome(step: Step): HTMLElement | false {
  if (step.outcome === "holds") return element("span", { class: "mark holds" }, "✓ holds");
  if (step.outcome === "fails") return element("span", { class: "mark fails" }, "✗ fails");
  return false;
}

function words(step: Step): string {
  switch (step.kind) {
    case "rule": return step.name ?? "";
    case "result": return step.message ? `→ ${step.message}` : `→ ${step.text ?? ""}`;
    case "more": return `${count(step.count ?? 0, "more step")}`;
    case "print": return `print: ${step.text ?? ""}`;
    case "note": return `note: ${step.text ?? ""}`;
    case "element": return `for each: ${step.text ?? ""}`;
    default: return (step.again ? "again: " : "") + (step.text ?? "");
  }
}
