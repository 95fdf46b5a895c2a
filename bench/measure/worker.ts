/** The process that is measured: one contender each, so that neither sees the other's threads, heap or compiled code. */
import type { Contender } from "../contenders/contender.js";
import { ChangingInput } from "../random.js";
import { sampleOf } from "../verify/expectation.js";
import { timeCalls } from "./timeCalls.js";
import type { Answer, ContenderName, Question, Questions } from "./protocol.js";
import type { ContenderRequest } from "../contenders/contender.js";

let opened: { readonly contender: Contender; readonly inputs: ChangingInput } | undefined;

async function respond(question: Question): Promise<Questions[keyof Questions]["answer"]> {
  switch (question.name) {
    case "prepare":
      return (await import("./prepare.js")).prepare(question);
    case "open": {
      const contender = await openContender(question.contender, question);
      opened = { contender, inputs: new ChangingInput(contender.inputSize, question.work.id) };
      return { description: contender.description, explained: contender.explain() };
    }
    case "verify": {
      const { contender, inputs } = present();
      return sampleOf(await contender.verify(inputs.first()), question.indices);
    }
    case "measure": {
      const { contender, inputs } = present();
      return timeCalls(contender, inputs, question.milliseconds);
    }
  }
}

/** Loaded on demand: neither contender's process holds the other's package. */
async function openContender(name: ContenderName, request: ContenderRequest): Promise<Contender> {
  if (name === "striate") return (await import("../contenders/striate.js")).striateContender(request);
  return (await import("../contenders/onnxruntime.js")).onnxruntimeContender(request);
}

function present(): NonNullable<typeof opened> {
  if (opened === undefined) throw new Error("no contender was opened in this process");
  return opened;
}

process.on("message", (question: Question) => {
  respond(question).then(
    (answer) => send({ answer }),
    (error: unknown) => send({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});

function send(answer: Answer): void {
  process.send!(answer);
}
