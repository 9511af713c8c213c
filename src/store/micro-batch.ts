/**
 * Collects calls that are made while an earlier one is in flight, and sends them as one. Knows nothing of stores.
 */

export interface MicroBatchOptions<Item, Answer> {
  /** Most items in one sending. */
  maxItems: number;
  /** Sendings on their way at once; 1 by default, which keeps the order of the calls. */
  maxInFlight?: number;
  /** Weighs an item against `maxItems`; 1 by default. An item heavier than `maxItems` goes alone. */
  weigh?: (item: Item) => number;
  /** When calls made together are sent: after their microtasks (the default), or in the event loop's next turn. */
  gather?: "microtask" | "turn";
  /** Answers every item, in the order given. A rejection rejects each of them. */
  send: (items: Item[]) => Promise<readonly Answer[]>;
}

interface Pending<Item, Answer> {
  item: Item;
  resolve: (answer: Answer) => void;
  reject: (reason: unknown) => void;
}

export interface MicroBatch<Item, Answer> {
  (item: Item): Promise<Answer>;
  /** Sends what waits now, whatever is on its way: for items that something else must not overtake. */
  flush(): void;
  /** Rejects the items that were not sent yet. */
  close(reason: Error): void;
}

/**
 * Answers a function that does for one item what `send` does for many. Calls of the same turn of the event loop go
 * together; nothing ever waits for company when a sending is free.
 */
export function microBatch<Item, Answer>(options: MicroBatchOptions<Item, Answer>): MicroBatch<Item, Answer> {
  const { maxItems, maxInFlight = 1, weigh = () => 1, gather = "microtask", send } = options;
  const soon = gather === "turn" ? setImmediate : queueMicrotask;
  let waiting: Pending<Item, Answer>[] = [];
  let inFlight = 0;
  let scheduled = false;

  function takeBatch(): Pending<Item, Answer>[] {
    let weight = 0;
    let count = 0;
    for (const { item } of waiting) {
      weight += weigh(item);
      if (count > 0 && weight > maxItems) break;
      count += 1;
    }
    const batch = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return batch;
  }

  async function deliver(batch: Pending<Item, Answer>[]): Promise<void> {
    try {
      const answers = await send(batch.map(({ item }) => item));
      if (answers.length !== batch.length) {
        throw new Error(`${answers.length} answers to ${batch.length} items`);
      }
      for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as Answer);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    inFlight -= 1;
    pump();
  }

  function pump(): void {
    scheduled = false;
    while (inFlight < maxInFlight && waiting.length > 0) {
      inFlight += 1;
      void deliver(takeBatch());
    }
  }

  const add = (item: Item): Promise<Answer> =>
    new Promise<Answer>((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (scheduled || inFlight >= maxInFlight) return;
      scheduled = true;
      soon(pump);
    });
  const flush = (): void => {
    while (waiting.length > 0) {
      inFlight += 1;
      void deliver(takeBatch());
    }
  };
  const close = (reason: Error): void => {
    const left = waiting;
    waiting = [];
    for (const { reject } of left) reject(reason);
  };
  return Object.assign(add, { flush, close });
}
