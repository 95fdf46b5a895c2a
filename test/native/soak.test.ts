/** `npm run soak` in short: under --expose-gc, where memory needs no long warm-up to settle. */
import { expect, test } from "vitest";
import { courseOf, grows } from "../../bench/soak/soak.js";

test("resident memory stays over thousands of predicts, aborted and failed ones among them", async () => {
  expect(await grows({ kind: "predicts", model: "lenet5", count: 5000, warmUp: 2500, exposeGc: true })).toBe(false);
});

test("resident memory stays over twenty models made, used and disposed, and none of their memory is held", async () => {
  expect(await grows({ kind: "models", model: "squeezenet1_1", count: 20, warmUp: 10, exposeGc: true })).toBe(false);
});

test("growth is that from the first quarter to the last", () => {
  const resident = Array.from({ length: 100 }, (_, i) => 1000 + i);
  expect(courseOf(resident)).toEqual({ first: 1000, last: 1075, most: 1099, growth: 0.075 });
});
