// Documents as files: opened from and saved to wherever the user says, and never by the server.
import { byId, element } from "./dom";
import type { Name } from "./model";

const MAX_BYTES = 2 << 20;
const NAMED: Record<Name, string> = { policy: "policy.rego", input: "input.yaml", data: "data.yaml", tests: "policy_test.rego" };

export function download(name: Name, file: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const link = element("a", { href: address, download: file.split(/[\\/]/).pop() || NAMED[name] });
  link.click();
  URL.revokeObjectURL(address);
}

// Asks for a file; `opened` gets its text.
export function open(name: Name, opened: (text: string) => void, failed: (why: string) => void): void {
  const picker = byId<HTMLInputElement>("picker");
  picker.value = "";
  picker.onchange = async () => {
    const [file] = picker.files ?? [];
    if (file === undefined) return;
    if (file.size > MAX_BYTES) return failed(`${file.name} is too large for the ${name}`);
    opened((await file.text()).replaceAll("\r\n", "\n"));
  };
  picker.click();
}
