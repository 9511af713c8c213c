/**
 * Collects calls made while an earlier batch is on its way, and sends them as one. The batches clock themselves: an
 * idle store answers one call at once, a busy one gets as many at a time as came in meanwhile.
 */
export interface Batcher<Item, Answer> {
  /** Answers what `send` answered at the item's place. */
  add(item: Item): Promise<Answer>;
  /** Sends what waits now, whatever is on its way: for items that something else must not overtake. */
  flush(): void;
  /** Rejects the items that were not sent yet. */
  close(reason: Error): void;
}

export interface BatcherOptions<Item, Answer> {
  /** One answer for each item, in order. If it throws, all items of the batch are rejected. */
  send(items: readonly Item[]): Promise<readonly Answer[]>;
  maxItems: number;
}

interface Waiting<Item, Answer> {
  item: Item;
  resolve(answer: Answer): void;
  reject(reason: unknown): void;
}

export function createBatcher<Item, Answer>(options: BatcherOptions<Item, Answer>): Batcher<Item, Answer> {
  let waiting: Waiting<Item, Answer>[] = [];
  let busy = false;

  async function sendSome(): Promise<void> {
    const batch = waiting.splice(0, options.maxItems);
    try {
      const answers = await options.send(batch.map((one) => one.item));
      batch.forEach((one, index) => one.resolve(answers[index] as Answer));
    } catch (error) {
      for (const one of batch) one.reject(error);
    }
  }

  async function sendAll(): Promise<void> {
    while (waiting.length > 0) await sendSome();
    busy = false;
  }

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        waiting.push({ item, resolve, reject });
        if (busy) return;
        busy = true;
        // Calls made in the same turn of the event loop go together.
        setImmediate(() => void sendAll());
      }),
    flush: () => {
      while (waiting.length > 0) void sendSome();
    },
    close: (reason) => {
      const left = waiting;
      waiting = [];
      for (const one of left) one.reject(reason);
    },
  };
}
