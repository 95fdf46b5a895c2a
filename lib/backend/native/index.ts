/** The native backend: C++ kernels on every core, through the addon. */
import { StriateError } from "../../errors.js";
import type { Backend } from "../backend.js";
import { loadAddon, type NativeAddon } from "./addon.js";
import { NativeExecutable } from "./executable.js";
import { calling } from "./failure.js";
import { NativeState } from "./state.js";

/** A {@link Backend} with what only native code has. */
export interface NativeBackend extends Backend {
  readonly name: "native";
  readonly addon: NativeAddon;
}

let loaded: NativeBackend | undefined;

/**
 * The native backend, its addon loaded at the first call.
 * @throws where there is none for this machine; with code ERR_STRIATE_ARGUMENT where STRIATE_ISA is not one of its names
 *
 * @example
 * ```ts
 * const backend = nativeBackend();
 * const state = backend.createState([{ name: "weights", shape: [784, 10] }]);
 * const [y] = backend.compile(program, state).run([x], { rows: 1 });
 * ```
 */
export function nativeBackend(): NativeBackend {
  loaded ??= load();
  return loaded;
}

function load(): NativeBackend {
  const addon = loadAddon();
  calling(() => addon.info()); // refuses a bad STRIATE_ISA here rather than in mid-work
  return {
    name: "native",
    addon,
    info() {
      const { isa, threads } = calling(() => addon.info());
      return { backend: "native", isa, threads, nativeBytes: addon.memory().held, loadError: undefined };
    },
    createState: (specs) => new NativeState(addon, specs),
    compile(program, state, options) {
      if (state instanceof NativeState) return new NativeExecutable(addon, program, state, options);
      throw new StriateError(
        "ERR_STRIATE_ARGUMENT",
        "compile: the State must come from the same backend, got another one",
      );
    },
  };
}
