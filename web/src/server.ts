// Asks the server that gave out this page. Addresses are relative, so each carries the page's token.
import type { Played, Start, Tested, Texts } from "./model";

export class Unanswered extends Error {}

export const start = (): Promise<Start> => ask("api/documents");
export const evaluate = (texts: Texts): Promise<Played> => ask("api/evaluate", texts);
export const test = (texts: Texts): Promise<Tested> => ask("api/test", texts);

async function ask<T>(path: string, body?: unknown): Promise<T> {
  const request: RequestInit =
    body === undefined
      ? {}
      : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  let response: Response;
  try {
    response = await fetch(path, request);
  } catch {
    throw new Unanswered("The playground does not answer: is the command still running?");
  }
  const answer = await response.json();
  if (!response.ok) {
    throw new Unanswered(String(answer.error ?? response.statusText));
  }
  return answer as T;
}
