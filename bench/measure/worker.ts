/** A process that is measured: one contender each, so that none sees another's threads, heap or compiled code. */
import type { CompiledPeer } from "../contenders/compiled.js";
import type { Contender, ContenderRequest, InputArray, SelfTimedContender } from "../contenders/contender.js";
import { ChangingInputs } from "../random.js";
import { sampleOf } from "../verify/expectation.js";
import { inputsOf, type ContenderName } from "../work.js";
import { timeCalls } from "./timeCalls.js";
import type { Answer, Question, Questions } from "./protocol.js";

interface Opened {
  readonly contender: Contender | SelfTimedContender;
  readonly inputs: ChangingInputs;
}
const opened = new Map<string, Opened>();

async function respond(question: Question): Promise<Questions[keyof Questions]["answer"]> {
  switch (question.name) {
    case "prepare":
      return (await import("./prepare.js")).prepare(question);
    case "load":
      if (question.contender === "prepare") await import("./prepare.js");
      else await contenders[question.contender]();
      return null;
    case "open": {
      const openIt = await contenders[question.contender]();
      const contender = await openIt(question);
      opened.set(question.key, {
        contender,
        inputs: new ChangingInputs(inputsOf(question.work), question.work.id),
      });
      return { description: contender.description, explained: contender.explain?.(), costs: contender.costs?.() };
    }
    case "verify": {
      const { contender, inputs } = present(question.key);
      return sampleOf(await contender.verify(inputs.first()), question.indices);
    }
    case "measure": {
      const { contender, inputs } = present(question.key);
      const { threads, awaited, milliseconds } = question;
      if ("measure" in contender) return contender.measure(milliseconds);
      contender.setThreads?.(threads);
      const other = awaited && !contender.isAwaited && contender.callAwaited !== undefined;
      const timed = {
        wrap: (arrays: readonly InputArray[]) => contender.wrap(arrays),
        call: (wrapped: unknown) => (other ? contender.callAwaited!(wrapped) : contender.call(wrapped)),
        isAwaited: other || contender.isAwaited,
      };
      return timeCalls(timed, inputs, milliseconds);
    }
    case "close":
      await present(question.key).contender.close();
      opened.delete(question.key);
      return null;
    case "memory":
      return (await import("./memory.js")).heldBytes(question.work);
  }
}

type Open = (request: ContenderRequest) => Opened["contender"] | Promise<Opened["contender"]>;
/** Loaded on demand: no contender's process holds another's package. */
const contenders: { readonly [Name in ContenderName]: () => Promise<Open> } = {
  striate: async () => (await import("../contenders/striate.js")).striateContender,
  "striate-reference": async () => (await import("../contenders/striate.js")).striateContender,
  onnxruntime: async () => (await import("../contenders/onnxruntime.js")).onnxruntimeContender,
  "tfjs-cpu": () => tfjs("cpu"),
  "tfjs-wasm": () => tfjs("wasm"),
  convnetjs: async () => (await import("../contenders/convnetjs.js")).convnetjsContender,
  openblas: () => compiled("openblas"),
  onednn: () => compiled("onednn"),
  pytorch: () => Promise.reject(new RangeError("bench: PyTorch is no package of Node.js")),
};

async function tfjs(backend: "cpu" | "wasm"): Promise<Open> {
  const { tfjsContender } = await import("../contenders/tfjs.js");
  return (request) => tfjsContender(backend, request);
}

async function compiled(peer: CompiledPeer): Promise<Open> {
  const { compiledContender } = await import("../contenders/compiled.js");
  return (request) => compiledContender(peer, request);
}

function present(key: string): Opened {
  const found = opened.get(key);
  if (found === undefined) throw new Error(`nothing was opened as ${key} in this process`);
  return found;
}

process.on("message", (question: Question) => {
  respond(question).then(
    (answer) => send({ answer }),
    (error: unknown) => send({ error: error instanceof Error ? error.message : String(error) }),
  );
});

function send(answer: Answer): void {
  process.send!(answer);
}
