/** What the image, the compose file, the unit and the manifest say of traceload, held against the code. */
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";
import { environmentName, flagName, SETTINGS, type SettingName } from "../../config/settings.ts";
import { workerCommand } from "../../src/cli/commands/worker.ts";
import { ERROR_CODES } from "../../src/core/errors.ts";
import { EXIT_CODES } from "../../src/report/exit-code.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(path.join(ROOT, file), "utf8");
const NAMES = Object.keys(SETTINGS) as SettingName[];

const guide = read("docs/guide/production.md");
const dockerfile = read("Dockerfile");
const blocks = (language: string) =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "gm"))].map(
    ([, text = ""]) => text,
  );
const [unit = "", environmentFile = ""] = blocks("ini");
const [manifest = ""] = blocks("yaml");

const named = z.object({ name: z.string() });
const probe = z.object({ httpGet: z.object({ path: z.enum(["/live", "/ready"]), port: z.string() }) });
const container = z.object({
  args: z.array(z.string()),
  env: z.array(
    z.object({
      name: z.string(),
      value: z.string().optional(),
      valueFrom: z.object({ secretKeyRef: z.object({ name: z.string(), key: z.string() }) }).optional(),
    }),
  ),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
  securityContext: z.object({ readOnlyRootFilesystem: z.literal(true) }),
  volumeMounts: z.array(z.object({ name: z.string(), mountPath: z.string() })),
});
const deployment = z.object({
  kind: z.literal("Deployment"),
  spec: z.object({
    selector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
    template: z.object({
      metadata: z.object({ labels: z.record(z.string(), z.string()) }),
      spec: z.object({
        terminationGracePeriodSeconds: z.number(),
        securityContext: z.object({ runAsNonRoot: z.literal(true), runAsUser: z.number().min(1) }),
        containers: z.tuple([container]),
        volumes: z.array(named.loose()),
      }),
    }),
  }),
});
const composeShape = z.object({
  services: z.object({
    redis: z.object({ command: z.array(z.string()) }),
    worker: z.object({
      command: z.array(z.string()),
      environment: z.record(z.string(), z.string()),
      read_only: z.literal(true),
      secrets: z.array(z.string()),
      stop_grace_period: z.string(),
    }),
  }),
  secrets: z.record(z.string(), z.object({ environment: z.string() })),
});

const [secret, workload] = parseAllDocuments(manifest).map((document) => document.toJS() as unknown);
const pods = deployment.parse(workload).spec;
const [podContainer] = pods.template.spec.containers;
const podEnvironment = new Map(podContainer.env.map(({ name, value }) => [name, value]));
const compose = composeShape.parse(parse(read("docker-compose.yml")));
const { worker } = compose.services;

const lineOf = (text: string, key: string): string =>
  new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1] ?? `${key} is missing`;
const seconds = (text: string): number => Number(/^(\d+)s$/.exec(text)?.[1]);
const drainSeconds = seconds(SETTINGS.drainTimeout.default ?? "");

describe("what they call", () => {
  const known = workerCommand.settings.map((name) => `--${flagName(name)}`);
  const lines = {
    unit: lineOf(unit, "ExecStart").split(" ").slice(1),
    manifest: podContainer.args,
    compose: worker.command,
    image: z.array(z.string()).parse(JSON.parse(/^CMD (\[.*\])$/m.exec(dockerfile)?.[1] ?? "")),
  };
  test.each(Object.entries(lines))(
    "%s: a worker, with flags that it has and values that they take",
    (_, line) => {
      const [command, ...rest] = line;
      expect(command).toBe("worker");
      for (let at = 0; at < rest.length; at += 2) {
        expect(known).toContain(rest[at]);
        const name = NAMES.find((candidate) => `--${flagName(candidate)}` === rest[at]);
        expect(name && SETTINGS[name].schema.safeParse(rest[at + 1]).success, rest[at]).toBe(true);
      }
    },
  );

  const variables: Record<string, [name: string, value: string | undefined][]> = {
    unit: [...`${unit}${environmentFile}`.matchAll(/^(?:Environment=)?([A-Z][A-Z_]{6,})=(.*)$/gm)].map(
      ([, name = "", value]) => [name, value],
    ),
    manifest: [...podEnvironment],
    compose: Object.entries(worker.environment),
    image: [...dockerfile.matchAll(/^ENV ([A-Z_]+)=(.*)$/gm)].map(([, name = "", value]) => [name, value]),
  };
  const others = ["PROMPTLAYER_API_KEY_FILE", "PROMPTLAYER_BASE_URL", "NODE_ENV"];
  test.each(Object.entries(variables))(
    "%s: variables that there are, with values that they take",
    (_, given) => {
      expect(given.length).toBeGreaterThan(0);
      for (const [name, value] of given) {
        const setting = NAMES.find((candidate) => environmentName(candidate) === name);
        if (setting === undefined) expect(others).toContain(name);
        else if (value !== undefined)
          expect(SETTINGS[setting].schema.safeParse(value).success, name).toBe(true);
      }
    },
  );
});

test("each gives a worker longer to end than it takes", () => {
  const longest = Math.max(
    drainSeconds,
    seconds(podEnvironment.get("TRACELOAD_DRAIN_TIMEOUT") ?? ""),
    seconds(worker.environment["TRACELOAD_DRAIN_TIMEOUT"] ?? ""),
    seconds(/--drain-timeout (\w+)/.exec(unit)?.[1] ?? ""),
  );
  expect(longest).toBeGreaterThan(seconds(SETTINGS.timeout.default ?? ""));
  expect(seconds(lineOf(unit, "TimeoutStopSec"))).toBeGreaterThan(longest);
  expect(seconds(worker.stop_grace_period)).toBeGreaterThan(longest);
  expect(pods.template.spec.terminationGracePeriodSeconds).toBeGreaterThan(longest);
});

test("the unit restarts what a restart can help, by the codes that a worker ends with", () => {
  const codes = (key: string) => lineOf(unit, key).split(" ").map(Number);
  expect(new Set(codes("SuccessExitStatus"))).toEqual(
    new Set([EXIT_CODES.interrupted, EXIT_CODES.terminated]),
  );
  expect(codes("RestartPreventExitStatus")).toEqual([ERROR_CODES.wrong_usage]);
  const [credential] = lineOf(unit, "LoadCredential").split(":");
  expect(lineOf(unit, "Environment")).toBe(`PROMPTLAYER_API_KEY_FILE=%d/${credential}`);
});

test("the manifest's names lead to what they name", () => {
  expect(pods.template.metadata.labels).toMatchObject(pods.selector.matchLabels);
  const { metadata, stringData } = z
    .object({ kind: z.literal("Secret"), metadata: named, stringData: z.record(z.string(), z.string()) })
    .parse(secret);
  for (const { valueFrom } of podContainer.env) {
    if (valueFrom === undefined) continue;
    expect(valueFrom.secretKeyRef.name).toBe(metadata.name);
    expect(Object.keys(stringData)).toContain(valueFrom.secretKeyRef.key);
  }
  const volumes = pods.template.spec.volumes.map(({ name }) => name);
  expect(podContainer.volumeMounts.map(({ name }) => name).sort()).toEqual(volumes.sort());
  expect(podEnvironment.get("PROMPTLAYER_API_KEY_FILE")).toBe(
    `${podContainer.volumeMounts.find(({ name }) => name === "secrets")?.mountPath}/api-key`,
  );
  const { startupProbe, livenessProbe, readinessProbe, ports } = podContainer;
  expect([startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet)).toEqual([
    { path: "/live", port: "health" },
    { path: "/live", port: "health" },
    { path: "/ready", port: "health" },
  ]);
  expect(ports).toEqual([
    { name: "health", containerPort: Number(podEnvironment.get("TRACELOAD_HEALTH_PORT")) },
  ]);
});

test("compose hands the worker the key as a file, and Redis the settings that traceload asks for", () => {
  const [name = ""] = worker.secrets;
  expect(compose.secrets[name]).toEqual({ environment: "PROMPTLAYER_API_KEY" });
  expect(worker.environment["PROMPTLAYER_API_KEY_FILE"]).toBe(`/run/secrets/${name}`);
  const redis = compose.services.redis.command.join(" ");
  for (const setting of ["--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction"]) {
    expect(redis).toContain(setting);
  }
});

describe("the image", () => {
  test("copies what there is, and what the build may see", () => {
    const allowed = read(".dockerignore")
      .split("\n")
      .filter((line) => line.startsWith("!"))
      .map((line) => line.slice(1));
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+)$/gm)].flatMap(([, files = ""]) =>
      files.split(" ").slice(0, -1),
    );
    expect(copied.length).toBeGreaterThan(5);
    for (const file of copied) {
      expect(existsSync(path.join(ROOT, file)), file).toBe(true);
      expect(
        allowed.some((one) => file === one || file.startsWith(`${one}/`)),
        file,
      ).toBe(true);
    }
    const { files, bin } = z
      .object({ files: z.array(z.string()), bin: z.object({ traceload: z.string() }) })
      .parse(JSON.parse(read("package.json")));
    expect(files).toContain(bin.traceload);
    expect(dockerfile).toContain(`/app/${bin.traceload} /usr/local/bin/traceload`);
  });

  test("runs as nobody's root, in exec form, on a Node that is new enough", () => {
    const last = dockerfile.slice(dockerfile.lastIndexOf("\nFROM "));
    expect(last.indexOf("\nUSER node")).toBeGreaterThan(0);
    expect(last).toMatch(/^ENTRYPOINT \["traceload"\]$/m);
    expect(last).toMatch(/^HEALTHCHECK /m);
    expect(Number(/^ARG NODE_VERSION=(\d+)$/m.exec(dockerfile)?.[1])).toBeGreaterThanOrEqual(24);
  });
});
