/** Tests that go through one scene, in order. Its evidence is kept when any of them failed, whatever came after. */
import { test } from "vitest";

export interface Steps {
  step: (name: string, act: () => Promise<void>) => void;
  failed: () => boolean;
}

export function makeSteps(timeoutMs: number): Steps {
  let failed = false;
  return {
    step: (name, act) =>
      test(
        name,
        async () => {
          const before = failed;
          failed = true;
          await act();
          failed = before;
        },
        timeoutMs,
      ),
    failed: () => failed,
  };
}
