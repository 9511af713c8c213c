/** Which traces exist, and which spans are in them: by the settings, and by what is said at run time. */

/** A change made while the sandbox runs. What is named last holds. */
export interface TraceChange {
  /** Traces that exist from now on. */
  available?: readonly string[];
  missing?: readonly string[];
  /** Traces that have exactly these spans from now on, and exist. */
  spans?: Readonly<Record<string, readonly string[]>>;
}

export class Traces {
  readonly #missingTrace: (traceId: string) => boolean;
  readonly #missingSpan: (traceId: string, spanId: string) => boolean;
  readonly #said = new Map<string, boolean>();
  readonly #spans = new Map<string, ReadonlySet<string>>();

  constructor(settings: {
    missingTrace: ((traceId: string) => boolean) | undefined;
    missingSpan: ((traceId: string, spanId: string) => boolean) | undefined;
  }) {
    this.#missingTrace = settings.missingTrace ?? (() => false);
    this.#missingSpan = settings.missingSpan ?? (() => false);
  }

  change(change: TraceChange): void {
    for (const traceId of change.available ?? []) this.#said.set(traceId, true);
    for (const traceId of change.missing ?? []) this.#said.set(traceId, false);
    for (const [traceId, spanIds] of Object.entries(change.spans ?? {})) {
      this.#said.set(traceId, true);
      this.#spans.set(traceId, new Set(spanIds));
    }
  }

  has(traceId: string): boolean {
    return (this.#said.size === 0 ? undefined : this.#said.get(traceId)) ?? !this.#missingTrace(traceId);
  }

  hasSpan(traceId: string, spanId: string): boolean {
    const spans = this.#spans.size === 0 ? undefined : this.#spans.get(traceId);
    return spans === undefined ? !this.#missingSpan(traceId, spanId) : spans.has(spanId);
  }

  /** Spans of the trace as far as they were named; a trace of which nothing was said has one, made from its id. */
  spansOf(traceId: string): string[] {
    const spans = this.#spans.get(traceId);
    return spans === undefined ? [`root-of-${traceId}`] : [...spans];
  }
}
