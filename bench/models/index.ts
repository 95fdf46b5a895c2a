/** The models that shapes/models.json names, written with the public API. */
import type { Branch } from "../../lib/layers/net.js";
import { lenet5 } from "./lenet5.js";

export interface BenchModel {
  /** Learned numbers, as published: a model that lacks a layer must not win. */
  readonly parameters: number;
  net(): Branch;
}

export const models: ReadonlyMap<string, BenchModel> = new Map([["lenet5", lenet5]]);
