/** The package as users get it: compiled. Its types come from the sources, so that type checks need no build. */
import type * as Striate from "../lib/index.js";
import type * as Summary from "../lib/layers/summary.js";

const load = async (module: string): Promise<unknown> => import(new URL(`../dist/${module}.js`, import.meta.url).href);

export const striate = (await load("index")) as typeof Striate;
/** Multiply-adds, layer by layer. */
export const { countNet } = (await load("layers/summary")) as typeof Summary;
