// Edits that survive a reload, one draft for each file. The browser may refuse to keep anything.

interface Draft {
  base: string; // the text of the file that was edited
  text: string;
}

const key = (name: string, file: string): string => `attest-playground:${name}:${file}`;

export function readDraft(name: string, file: string): Draft | null {
  try {
    const kept = JSON.parse(localStorage.getItem(key(name, file)) ?? "null");
    return typeof kept?.text === "string" && typeof kept?.base === "string" ? kept : null;
  } catch {
    return null;
  }
}

export function keepDraft(name: string, file: string, draft: Draft): void {
  try {
    if (draft.text === draft.base) {
      localStorage.removeItem(key(name, file));
    } else {
      localStorage.setItem(key(name, file), JSON.stringify(draft));
    }
  } catch {
    // Full or forbidden: the edits live as long as the page.
  }
}
