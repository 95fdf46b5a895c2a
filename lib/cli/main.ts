#!/usr/bin/env node
import { exitCodes, runCommandLine } from "./run.js";

const controller = new AbortController();
process.on("SIGINT", () => {
  // Who presses Ctrl-C twice does not want to wait for the step under way.
  if (controller.signal.aborted) process.exit(exitCodes.interrupted);
  controller.abort();
});

// A reader that has seen enough, such as head, closes the pipe: no reason for a stack trace.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(exitCodes.done);
});

const terminal = { input: process.stdin, out: process.stdout, error: process.stderr };
process.exitCode = await runCommandLine(process.argv.slice(2), terminal, controller.signal);
