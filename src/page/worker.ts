// worker.ts: classifies in a thread of its own, one picture after another, so that the page stays awake.

import { AppError, messageOf } from '../util/errors.ts';
import { topIndices } from '../util/top.ts';
import { openNetwork, type PageNetwork } from './network.ts';
import { seenPixels } from './pixels.ts';
import type { Answer, Problem, Question, Reply } from './protocol.ts';
import { loadResizeModule } from './resize-module.ts';

/** Classes of an answer. */
const SHOWN = 5;

const say = (reply: Reply) => self.postMessage(reply);

const problemOf = (error: unknown): Problem => ({
  code: error instanceof AppError ? error.code : '',
  message: messageOf(error),
});

async function answerOf(network: PageNetwork, { picture }: Question): Promise<Answer> {
  const pixels = await seenPixels(picture, network.preprocessing);
  const { probabilities, isUnknown } = await network.answerTo(pixels);
  const ranked = topIndices(probabilities, SHOWN).map((index) => ({
    index,
    probability: probabilities[index]!,
  }));
  return { ranked, isUnknown };
}

async function main(): Promise<void> {
  const [network] = await Promise.all([
    openNetwork((loaded) => say({ kind: 'loaded', loaded })),
    loadResizeModule(),
  ]);
  let turn = Promise.resolve();
  const take = async (question: Question) => {
    const { id } = question;
    try {
      say({ kind: 'answer', id, answer: await answerOf(network, question) });
    } catch (error) {
      say({ kind: 'problem', id, problem: problemOf(error) });
    }
  };
  self.addEventListener('message', ({ data }: MessageEvent<Question>) => {
    turn = turn.then(() => take(data));
  });
  const { name, classes } = network;
  say({ kind: 'ready', model: { name, classes } });
}

main().catch((error: unknown) => say({ kind: 'failed', problem: problemOf(error) }));
