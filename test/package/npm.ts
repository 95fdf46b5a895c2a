/** Commands as a user's shell runs them: nothing of the npm that runs the checks, or of their environment, reaches them. */
import { spawnSync } from "node:child_process";

export interface Result {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Surroundings {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs a command to its end, whatever that is. */
export function run([program, ...args]: readonly string[], { cwd, env }: Surroundings): Result {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|STRIATE_|VITEST|NODE_|TEST$|CI$|INIT_CWD$|NO_COLOR$|FORCE_COLOR$)/i.test(name),
  );
  const options = { cwd, env: { ...Object.fromEntries(inherited), ...env }, encoding: "utf8", maxBuffer: 1e8 } as const;
  const { error, status, signal, stdout, stderr } = spawnSync(program!, args, options);
  if (error) throw error;
  return { status, signal, stdout, stderr };
}

/** The npm that runs the checks, with this Node.js. @throws where it fails, with its output */
export function npm(args: readonly string[], surroundings: Surroundings): Result {
  const result = run([...npmCommand(), ...args], surroundings);
  if (result.status === 0) return result;
  throw new Error(`npm ${args.join(" ")}: exit code ${result.status}\n${result.stdout}\n${result.stderr}`);
}

export function npmCommand(): string[] {
  const npm = process.env["npm_execpath"];
  if (npm === undefined) throw new Error('package checks: run them through npm, as in "npx vitest" or "npm run"');
  return [process.execPath, npm];
}
