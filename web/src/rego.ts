// Rego for the editor: comments, strings, numbers, keywords, calls.
import { LanguageSupport, StreamLanguage, type StreamParser } from "@codemirror/language";

interface State {
  raw: boolean; // inside a raw string, which may span lines
}

const KEYWORDS = /^(?:package|import|default|if|contains|in|every|some|not|with|as|else)\b/;
const ATOMS = /^(?:true|false|null)\b/;
const ROOTS = /^(?:input|data)\b/;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/;
const STRING = /^\$?"(?:[^"\\]|\\.)*"?/;

function afterDot(before: string): boolean {
  return /\.\s*$/.test(before);
}

function token(stream: Parameters<StreamParser<State>["token"]>[0], state: State): string | null {
  if (state.raw) {
    state.raw = !stream.skipTo("`");
    state.raw ? stream.skipToEnd() : stream.next();
    return "string";
  }
  if (stream.eatSpace()) {
    return null;
  }
  if (stream.eat("#")) {
    stream.skipToEnd();
    return "comment";
  }
  if (stream.match(/^\$?`/)) {
    state.raw = true;
    return "string";
  }
  if (stream.match(STRING)) {
    return "string";
  }
  return word(stream) ?? operator(stream);
}

function word(stream: Parameters<StreamParser<State>["token"]>[0]): string | null {
  const member = afterDot(stream.string.slice(0, stream.pos));
  if (!member && stream.match(KEYWORDS)) return "keyword";
  if (!member && stream.match(ATOMS)) return "atom";
  if (!member && stream.match(ROOTS)) return "variableName.special";
  if (stream.match(NUMBER)) return "number";
  if (stream.match(/^[A-Za-z_]\w*(?=(?:\.\w+)*\()/)) return "variableName.function";
  if (stream.match(/^[A-Za-z_]\w*/)) return member ? "propertyName" : "variableName";
  return null;
}

function operator(stream: Parameters<StreamParser<State>["token"]>[0]): string | null {
  if (stream.match(/^(?::=|==|!=|<=|>=|[-+*/%=<>|&])/)) return "operator";
  if (stream.match(/^[{}()[\]]/)) return "bracket";
  stream.next();
  return null;
}

const parser = StreamLanguage.define<State>({
  name: "rego",
  startState: () => ({ raw: false }),
  token,
  languageData: { commentTokens: { line: "#" }, closeBrackets: { brackets: ["(", "[", "{", '"', "`"] } },
});

export const rego = (): LanguageSupport => new LanguageSupport(parser);
