// What an evaluation says about the lines of an editor: coverage in the policy, findings in the input.
import { type Extension, RangeSetBuilder, StateEffect, StateField, type Text } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, WidgetType } from "@codemirror/view";
import type { Coverage, Finding, Span } from "./model";

const setCoverage = StateEffect.define<Coverage | null>();
const setFindings = StateEffect.define<Finding[]>();

const covered = Decoration.line({ class: "line-covered" });
const failed = Decoration.line({ class: "line-failed", attributes: { "aria-description": "evaluated, does not hold" } });
const notCovered = Decoration.line({ class: "line-not-covered", attributes: { "aria-description": "not evaluated" } });

class Said extends WidgetType {
  constructor(private readonly severity: string, private readonly message: string) {
    super();
  }

  override eq(other: Said): boolean {
    return other.severity === this.severity && other.message === this.message;
  }

  override toDOM(): HTMLElement {
    const said = document.createElement("div");
    said.className = "said";
    said.dataset.severity = this.severity;
    said.textContent = `${this.severity}: ${this.message}`;
    return said;
  }
}

function shade(coverage: Coverage | null, text: Text): DecorationSet {
  if (coverage === null) {
    return Decoration.none;
  }
  const lines = new Map<number, Decoration>();
  const lay = (spans: Span[], how: Decoration) => {
    for (const span of spans) {
      for (let line = span.from; line <= Math.min(span.to, text.lines); line++) {
        lines.set(line, how);
      }
    }
  };
  lay(coverage.covered, covered);
  lay(coverage.failed, failed);
  lay(coverage.notCovered, notCovered);
  const builder = new RangeSetBuilder<Decoration>();
  for (const line of [...lines.keys()].sort((a, b) => a - b)) {
    const at = text.line(line).from;
    builder.add(at, at, lines.get(line) as Decoration);
  }
  return builder.finish();
}

function blame(findings: Finding[], text: Text): DecorationSet {
  const ranges = findings.flatMap((finding) => {
    const line = text.line(Math.min(Math.max(finding.location.line, 1), text.lines));
    const widget = new Said(finding.severity, finding.message);
    return [
      Decoration.line({ class: `line-finding severity-${finding.severity}` }).range(line.from),
      Decoration.widget({ widget, block: true, side: 1 }).range(line.to),
    ];
  });
  return Decoration.set(ranges, true);
}

// Marks move with edits until the next answer replaces them.
function field<T>(effect: ReturnType<typeof StateEffect.define<T>>, draw: (value: T, text: Text) => DecorationSet): Extension {
  return StateField.define<DecorationSet>({
    create: () => Decoration.none,
    update(marks, transaction) {
      const said = transaction.effects.filter((one) => one.is(effect)).at(-1);
      return said === undefined ? marks.map(transaction.changes) : draw(said.value as T, transaction.state.doc);
    },
    provide: (own) => EditorView.decorations.from(own),
  });
}

export const marks = (): Extension => [field(setCoverage, shade), field(setFindings, blame)];

export function showCoverage(view: EditorView, coverage: Coverage | null): void {
  view.dispatch({ effects: setCoverage.of(coverage) });
}

export function showFindings(view: EditorView, findings: Finding[]): void {
  view.dispatch({ effects: setFindings.of(findings) });
}
