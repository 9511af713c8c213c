/** The in-memory model keeps the contract, on the real clock like the stores it stands for. */
import { createMemoryStore } from "../support/memory-store.ts";
import { storeContract } from "./store-contract.ts";

storeContract(
  "in-memory",
  async () => {
    const store = createMemoryStore({ now: () => Date.now() });
    return { store, close: () => store.close() };
  },
  { interleavings: 200 },
);
