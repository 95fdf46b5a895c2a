/** A process with one contender: verifies a task, then times it for as long as it is asked to. */
import { contenders, type Contender, type ContenderName } from "./contenders.js";
import { expected, pixels, tasks, verifiedPlaces } from "./task.js";

export interface Question {
  readonly id: string;
  /** 0: verify only, and tell how long that took. */
  readonly milliseconds: number;
}

export interface Answer {
  readonly description: string;
  readonly times: Float64Array;
  readonly error?: string;
}

const [name, threads] = process.argv.slice(2) as [ContenderName, string];
const data = pixels();
let opened: Contender | undefined;

async function respond({ id, milliseconds }: Question): Promise<Answer> {
  opened ??= await contenders[name](data, Number(threads));
  const { description, tolerance } = opened;
  const task = tasks().find((each) => each.id === id)!;
  const times: number[] = [];
  const end = performance.now() + milliseconds;
  do {
    const start = performance.now();
    const result = await opened.call(task);
    times.push(performance.now() - start);
    if (milliseconds > 0) continue;
    const places = verifiedPlaces(task.size);
    expected(task, data, places).forEach((want, i) => {
      const got = result[places[i]!]!;
      if (Math.abs(got - want) > tolerance) throw new Error(`${name}: ${id} gives ${got} where ${want} is right`);
    });
  } while (performance.now() < end);
  return { description, times: Float64Array.from(times) };
}

process.on("message", (question: Question) => {
  void respond(question)
    .catch((error: unknown): Answer => {
      const message = error instanceof Error ? error.message : String(error);
      return { description: name, times: new Float64Array(0), error: message };
    })
    .then((answer) => process.send!(answer));
});
