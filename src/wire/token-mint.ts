/** Tokens of claims: 8 random bytes each, drawn from the system's generator many at a time. */
import { randomFillSync } from "node:crypto";
import type { Token } from "../core/store.ts";

const TOKEN_BYTES = 8;
const TOKENS_A_DRAW = 512;

export function makeTokenMint(): () => Token {
  const drawn = Buffer.alloc(TOKEN_BYTES * TOKENS_A_DRAW);
  let at = drawn.length;
  return () => {
    if (at === drawn.length) {
      randomFillSync(drawn);
      at = 0;
    }
    at += TOKEN_BYTES;
    return drawn.toString("hex", at - TOKEN_BYTES, at) as Token;
  };
}
