/**
 * The package as users get it: compiled. Its types come from the sources, so that type checks need no build. Ops that have
 * no public call of their own (gradients) are run from the sources, see program.ts.
 */
import type * as Striate from "../lib/index.js";

const load = async (module: string): Promise<unknown> => import(new URL(`../dist/${module}.js`, import.meta.url).href);

export const striate = (await load("index")) as typeof Striate;
