// One editor: its language, its keys, and what is wrong with its text, at its place.
import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, undo } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, type Extension, type Text } from "@codemirror/state";
import {
  drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers,
} from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";
import { marks } from "./marks";
import type { Name, Problem } from "./model";
import { rego } from "./rego";

export interface Wishes {
  label: string;
  nonce: string;
  changed(text: string): void;
  run(): void;
}

export class Editor {
  readonly view: EditorView;
  private readonly language = new Compartment();

  constructor(readonly name: Name, parent: HTMLElement, private readonly wishes: Wishes) {
    this.view = new EditorView({ parent, state: this.state("") });
  }

  get text(): string {
    return this.view.state.doc.toString();
  }

  // Another text: what was typed before can't be undone into it.
  set text(text: string) {
    this.view.setState(this.state(text));
  }

  // Another text in its place, as if it had been typed: it can be undone.
  replace(text: string): void {
    this.view.dispatch({ changes: { from: 0, to: this.view.state.doc.length, insert: text }, userEvent: "input.replace" });
  }

  undo(): void {
    undo(this.view);
    this.view.focus();
  }

  showProblems(problems: Problem[]): void {
    const { state } = this.view;
    this.view.dispatch(setDiagnostics(state, problems.map((one) => diagnostic(one, state.doc))));
  }

  goTo(line: number): void {
    const { doc } = this.view.state;
    const at = doc.line(Math.min(Math.max(line, 1), doc.lines)).from;
    this.view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
    this.view.focus();
  }

  // Scrolls to the first line of a kind: policies may begin with a page of METADATA.
  showFrom(kind: RegExp): void {
    const at = this.text.split("\n").findIndex((line) => kind.test(line));
    if (at > 0) {
      const { from } = this.view.state.doc.line(at + 1);
      this.view.dispatch({ effects: EditorView.scrollIntoView(from, { y: "start" }) });
    }
  }

  private state(text: string): EditorState {
    return EditorState.create({ doc: text, extensions: this.extensions(text) });
  }

  private extensions(text: string): Extension[] {
    const run = { key: "Mod-Enter", run: () => (this.wishes.run(), true) };
    return [
      EditorView.cspNonce.of(this.wishes.nonce),
      EditorView.contentAttributes.of({ "aria-label": this.wishes.label }),
      keymap.of([run, ...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...searchKeymap, ...lintKeymap]),
      lineNumbers(), lintGutter(), highlightActiveLine(), highlightActiveLineGutter(), drawSelection(),
      history({ newGroupDelay: 500, joinToEvent: (change, adjacent) => adjacent && !change.isUserEvent("input.replace") }), bracketMatching(), closeBrackets(), search({ top: true }), highlightSelectionMatches(),
      syntaxHighlighting(classHighlighter), this.language.of(this.languageOf(text)),
      indentUnit.of(this.isRego ? "\t" : "  "), EditorState.tabSize.of(4), marks(),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) {
          this.relanguage();
          this.wishes.changed(this.text);
        }
      }),
    ];
  }

  private get isRego(): boolean {
    return this.name === "policy" || this.name === "tests";
  }

  private isJson = false;

  private languageOf(text: string): Extension {
    this.isJson = looksLikeJson(text);
    return this.isRego ? rego() : this.isJson ? json() : yaml();
  }

  private relanguage(): void {
    if (!this.isRego && looksLikeJson(this.text) !== this.isJson) {
      this.view.dispatch({ effects: this.language.reconfigure(this.languageOf(this.text)) });
    }
  }
}

const looksLikeJson = (text: string): boolean => /^\s*[{[]/.test(text);

function diagnostic(problem: Problem, text: Text): Diagnostic {
  const line = text.line(Math.min(Math.max(problem.line || 1, 1), text.lines));
  const from = Math.min(line.from + offset(line.text, problem.column || 1), line.to);
  const to = problem.endLine === problem.line && problem.endColumn ? line.from + offset(line.text, problem.endColumn) : line.to;
  const message = problem.hint ? `${problem.message}\n${problem.hint}` : problem.message;
  return { from, to: Math.min(Math.max(to, from), line.to), severity: problem.severity, message };
}

// Columns count Unicode characters; the editor counts UTF-16 units.
function offset(line: string, column: number): number {
  return [...line].slice(0, column - 1).join("").length;
}
