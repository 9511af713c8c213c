/** Counts answers by endpoint and by what was answered. */

/** Endpoint -> status (or `closed`, `silence`, `half-body`) -> number of requests. */
export type AnswerCounts = Record<string, Record<string, number>>;

export class Tally {
  readonly #counts = new Map<string, Map<number | string, number>>();

  add(endpoint: string, answered: number | string): void {
    let answers = this.#counts.get(endpoint);
    if (answers === undefined) this.#counts.set(endpoint, (answers = new Map()));
    answers.set(answered, (answers.get(answered) ?? 0) + 1);
  }

  counts(): AnswerCounts {
    return Object.fromEntries(
      [...this.#counts].map(([endpoint, answers]) => [
        endpoint,
        Object.fromEntries([...answers].map(([answered, count]) => [String(answered), count])),
      ]),
    );
  }
}
