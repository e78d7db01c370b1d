// Tabs as the ARIA practices describe them: arrows, Home and End move, one tab is in the tab order.
import { byId } from "./dom";

export class Tabs {
  private readonly tabs: HTMLElement[];

  constructor(list: HTMLElement, private readonly shown: (id: string) => void = () => undefined) {
    this.tabs = [...list.querySelectorAll<HTMLElement>('[role="tab"]')];
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.select(tab.id));
    }
    list.addEventListener("keydown", (event) => this.move(event));
  }

  select(id: string): void {
    for (const tab of this.tabs) {
      const chosen = tab.id === id;
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
      byId(tab.getAttribute("aria-controls") ?? "").hidden = !chosen;
    }
    this.shown(id);
  }

  private move(event: KeyboardEvent): void {
    const at = this.tabs.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
    const last = this.tabs.length - 1;
    const steps: Record<string, number> = {
      ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last,
    };
    const next = this.tabs[steps[event.key] ?? -1];
    if (next !== undefined) {
      event.preventDefault();
      this.select(next.id);
      next.focus();
    }
  }
}
