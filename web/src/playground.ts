// The page of the playground: editors on one side, what the engine says of them on the other.
import { byId, element } from "./dom";
import { keepDraft, readDraft } from "./drafts";
import { Editor } from "./editor";
import { download, open } from "./files";
import { showCoverage, showFindings } from "./marks";
import { type Coverage, isName, NAMES, type Name, type Played, type Problem, type Start, type Texts } from "./model";
import * as panes from "./panes";
import * as server from "./server";
import { Tabs } from "./tabs";
import { theme } from "./theme";
import type { Places } from "./tree";

const WAIT = 350; // milliseconds without a key before the texts are evaluated
const LABELS: Record<Name, string> = { policy: "Policy, Rego", input: "Input, YAML or JSON", data: "Data, YAML or JSON", tests: "Tests, Rego" };

class Playground {
  private readonly editors = new Map<Name, Editor>();
  private readonly sources: Tabs;
  private readonly inputs: Tabs;
  private readonly results: Tabs;
  private timer = 0;
  private busy = false;
  private again = false;
  private coverage: Coverage | null = null;
  private readonly places: Places = {
    go: (document, line) => this.go(document, line),
    name: (document) => (isName(document) ? this.name(document) : document),
  };

  constructor(private readonly start: Start) {
    this.sources = new Tabs(byId("source-tabs"), () => {
      this.measure();
      this.shade();
    });
    this.inputs = new Tabs(byId("input-tabs"), () => this.measure());
    this.results = new Tabs(byId("result-tabs"));
    for (const name of NAMES) {
      this.edit(name);
    }
    this.listen();
    this.editor("policy").showFrom(/^package\b/);
    void this.evaluate();
  }

  private edit(name: Name): void {
    const { nonce } = byId<HTMLScriptElement>("script");
    const editor = new Editor(name, byId(`${name}-editor`), {
      label: LABELS[name], nonce, run: () => this.run(), changed: (text) => this.changed(name, text),
    });
    this.editors.set(name, editor);
    const draft = readDraft(name, this.file(name));
    editor.text = draft?.text ?? this.original(name);
    if (draft !== null && draft.base !== this.original(name)) {
      this.tell(`${this.file(name)} has changed since you edited it here. Your edits are shown; Reset shows the file.`);
    }
    this.title(name);
  }

  private listen(): void {
    byId("run").addEventListener("click", () => this.run());
    byId("shade").addEventListener("change", () => this.shade());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.defaultPrevented) {
        event.preventDefault();
        this.run();
      }
    });
    for (const button of document.querySelectorAll<HTMLElement>("[data-action]")) {
      button.addEventListener("click", () => this.act(button.dataset.action ?? "", button.dataset.group ?? ""));
    }
  }

  private act(action: string, group: string): void {
    const chosen = byId(`${group}-tabs`).querySelector<HTMLElement>('[aria-selected="true"]')?.dataset.document;
    if (!isName(chosen)) return;
    const editor = this.editor(chosen);
    if (action === "download") download(chosen, this.file(chosen), editor.text);
    if (action === "open") open(chosen, (text) => this.replace(chosen, text), (why) => this.tell(why));
    if (action === "reset") this.replace(chosen, this.original(chosen));
  }

  private replace(name: Name, text: string): void {
    const editor = this.editor(name);
    if (editor.text === text) return;
    editor.replace(text);
    this.tell(`Your edits of ${this.name(name)} were replaced.`, () => editor.undo());
  }

  private changed(name: Name, text: string): void {
    keepDraft(name, this.file(name), { base: this.original(name), text });
    this.title(name);
    window.clearTimeout(this.timer);
    byId("verdict").dataset.state = "waiting";
    this.timer = window.setTimeout(() => void this.evaluate(), WAIT);
  }

  private run(): void {
    window.clearTimeout(this.timer);
    void this.evaluate();
    if (byId("tests-tab").getAttribute("aria-selected") === "true" || byId("tested-tab").getAttribute("aria-selected") === "true") {
      this.results.select("tested-tab");
    }
  }

  // One evaluation at a time; what changes meanwhile is evaluated after it.
  private async evaluate(): Promise<void> {
    this.again = this.busy;
    if (this.busy) return;
    this.busy = true;
    const status = byId("verdict");
    status.dataset.state = "busy";
    try {
      const texts = this.texts();
      const [played, tested] = [await server.evaluate(texts), texts.tests.trim() ? await server.test(texts) : null];
      this.show(played, texts);
      this.showTests(tested);
      this.showProblems([...played.problems, ...(tested?.problems ?? []).filter((one) => one.file === "tests")]);
    } catch (error) {
      status.textContent = error instanceof server.Unanswered ? error.message : String(error);
      status.dataset.verdict = "error";
    } finally {
      this.busy = false;
    }
    if (this.again) return this.evaluate();
    if (status.dataset.state === "busy") status.dataset.state = "settled";
  }

  private show(played: Played, texts: Texts): void {
    const status = byId("verdict");
    status.textContent = panes.headline(played);
    status.dataset.verdict = played.verdict;
    byId("result").replaceChildren(...panes.result(played, this.places));
    byId("trace").replaceChildren(...panes.traces(played.traces, this.places));
    byId("profile").replaceChildren(...panes.profile(played, texts.policy, this.places));
    showFindings(this.editor("input").view, panes.findingsOf(played));
    const { covered, failed, notCovered } = played.coverage;
    this.coverage = covered.length + failed.length + notCovered.length > 0 ? played.coverage : null;
    this.shade();
  }

  private showTests(tested: Awaited<ReturnType<typeof server.test>> | null): void {
    const none = { problems: [], tests: [], coverage: { covered: [], failed: [], notCovered: [], percent: 0 } };
    byId("tested").replaceChildren(...panes.tests(tested ?? none, this.places));
    const failed = tested?.tests.filter((one) => one.outcome === "failed" || one.outcome === "error").length ?? 0;
    byId("tested-tab").textContent = failed > 0 ? `Tests (${failed} failed)` : "Tests";
  }

  private showProblems(problems: Problem[]): void {
    for (const [name, editor] of this.editors) {
      editor.showProblems(problems.filter((one) => one.file === name));
    }
  }

  private shade(): void {
    const wanted = byId<HTMLInputElement>("shade").checked;
    showCoverage(this.editor("policy").view, wanted ? this.coverage : null);
    byId("legend").hidden = !wanted || this.coverage === null || byId("policy-editor").hidden;
  }

  private go(file: string, line: number): void {
    if (!isName(file)) return;
    (file === "policy" || file === "tests" ? this.sources : this.inputs).select(`${file}-tab`);
    this.editor(file).goTo(line);
  }

  // An editor that was hidden does not know its size.
  private measure(): void {
    for (const editor of this.editors.values()) {
      editor.view.requestMeasure();
    }
  }

  private title(name: Name): void {
    const edited = this.editor(name).text !== this.original(name);
    const tab = byId(`${name}-tab`);
    tab.dataset.edited = String(edited);
    tab.title = `${this.file(name) || "no file"}${edited ? ", edited" : ""}`;
    byId(`${name}-file`).textContent = this.file(name) ? this.name(name) : "";
  }

  // Tells something; `undo` takes back what was told.
  private tell(text: string, undo?: () => void): void {
    const notice = byId("notice");
    const button = element("button", { type: "button" }, "Undo");
    button.addEventListener("click", () => {
      notice.hidden = true;
      undo?.();
    });
    notice.replaceChildren(text, ...(undo ? [" ", button] : []));
    notice.hidden = false;
  }

  private editor(name: Name): Editor {
    return this.editors.get(name) as Editor;
  }

  private texts(): Texts {
    return Object.fromEntries(NAMES.map((name) => [name, this.editor(name).text])) as Texts;
  }

  private file(name: Name): string {
    return this.start.files[name] ?? "";
  }

  // What a document is called: its file, without the folders.
  private name(name: Name): string {
    return this.file(name).split(/[\\/]/).pop() || name;
  }

  private original(name: Name): string {
    return this.start.texts[name] ?? "";
  }
}

theme();
server.start().then(
  (start) => new Playground(start),
  (error: unknown) => {
    byId("verdict").textContent = String(error);
  },
);
