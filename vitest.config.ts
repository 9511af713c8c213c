import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What starts the command takes longest: begun last, it would leave the other workers idle at the end. */
class CommandsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const startsCommands = ({ moduleId }: TestSpecification) => /\/test\/(?:cli|fault)\//.test(moduleId);
    return [...sorted.filter(startsCommands), ...sorted.filter((file) => !startsCommands(file))];
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Against tests that hang, not against machines that are busy.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
    fileParallelism: true,
    maxWorkers: 4,
    // No test changes what another file's would see; a process for each file would load the same modules again.
    isolate: false,
    sequence: { sequencer: CommandsFirst },
  },
});
