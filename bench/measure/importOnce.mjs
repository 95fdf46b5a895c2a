// Prints the milliseconds that importing a module takes, with a call of one of its exports where that is named:
//
//   node importOnce.mjs <module> [<export>]
//
// A file, as a user's program is: for it Node.js has started its own loader before, which takes 4 to 8 ms.
import { performance } from "node:perf_hooks";
import process from "node:process";

const [module, call] = process.argv.slice(2);
const start = performance.now();
const loaded = await import(/** @type {string} */ (module));
if (call !== undefined) loaded[call]();
process.stdout.write(String(performance.now() - start));
