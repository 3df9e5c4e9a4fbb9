// classifier.ts: asks worker.ts, and waits for its answers.

import { addressOf } from './fetched.ts';
import type { Answer, Loaded, ModelFacts, Problem, Question, Reply } from './protocol.ts';

/** What is wrong with a picture or the model. */
export class PageProblem extends Error {
  override readonly name = 'PageProblem';
  readonly code: string;

  constructor({ code, message }: Problem) {
    super(message);
    this.code = code;
  }
}

export interface Classifier {
  readonly model: ModelFacts;
  /** Takes a bitmap over. Rejects with a PageProblem. */
  readonly ask: (picture: Blob | ImageBitmap) => Promise<Answer>;
}

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (problem: PageProblem) => void;
}

/** Resolves when the model is ready; rejects with a PageProblem. */
export function startClassifier(report: (loaded: Loaded) => void): Promise<Classifier> {
  const worker = new Worker(addressOf('worker.js'), { type: 'module' });
  const waiting = new Map<number, Waiting>();
  let asked = 0;
  const ask = (picture: Question['picture']) =>
    new Promise<Answer>((resolve, reject) => {
      const id = asked++;
      waiting.set(id, { resolve, reject });
      const question: Question = { id, picture };
      worker.postMessage(question, picture instanceof ImageBitmap ? [picture] : []);
    });
  const take = (id: number): Waiting | undefined => {
    const taken = waiting.get(id);
    waiting.delete(id);
    return taken;
  };
  return new Promise((resolve, reject) => {
    worker.addEventListener('message', ({ data: reply }: MessageEvent<Reply>) => {
      switch (reply.kind) {
        case 'loaded':
          return report(reply.loaded);
        case 'ready':
          return resolve({ model: reply.model, ask });
        case 'failed':
          return reject(new PageProblem(reply.problem));
        case 'answer':
          return take(reply.id)?.resolve(reply.answer);
        case 'problem':
          return take(reply.id)?.reject(new PageProblem(reply.problem));
        default:
          throw new Error(`no such reply: ${String(reply satisfies never)}`);
      }
    });
    // The worker ended: its script is missing or stopped, or memory ran out.
    worker.addEventListener('error', ({ message }) => {
      const problem = new PageProblem({ code: '', message: message || 'worker.js cannot be loaded' });
      reject(problem);
      for (const one of waiting.values()) one.reject(problem);
      waiting.clear();
    });
  });
}
