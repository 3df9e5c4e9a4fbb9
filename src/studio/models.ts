// models.ts: the networks that the page can name: those on this machine, and the runs of this folder.

import path from 'node:path';
import { listModels } from '../api/models/catalogue.ts';
import { runOverviews, type RunOverview } from '../api/run-details.ts';
import { workOf } from '../api/work.ts';
import { HttpProblem } from '../http/problem.ts';
import { quoted } from '../util/quoted.ts';
import { RUNS } from './folder/places.ts';

export interface NamedModel {
  readonly name: string;
  /** `run`: a finished run of this folder. */
  readonly kind: 'shipped' | 'pulled' | 'imported' | 'run';
}

export class StudioModels {
  readonly #runs: string;

  /** @param root the studio's folder */
  constructor(root: string) {
    this.#runs = path.join(root, RUNS);
  }

  /** The oldest first. */
  runs(): Promise<readonly RunOverview[]> {
    return runOverviews(this.#runs, workOf({}));
  }

  /** @throws HttpProblem NOT_FOUND */
  async runFolder(name: string): Promise<string> {
    const runs = await this.runs();
    if (runs.some((run) => run.name === name)) return path.join(this.#runs, name);
    throw new HttpProblem('NOT_FOUND', `there is no run ${quoted(name)}`);
  }

  /** The latest run first, then what ships with finch. */
  async list(): Promise<readonly NamedModel[]> {
    const finished = (await this.runs()).filter(({ state }) => state === 'finished').toReversed();
    const here = (await listModels()).filter((model) => model.here);
    return [
      ...finished.map(({ name }): NamedModel => ({ name, kind: 'run' })),
      ...here.map(({ name, state }): NamedModel => ({ name, kind: state as NamedModel['kind'] })),
    ];
  }

  /** What `--model` takes for a name. @throws HttpProblem NOT_FOUND */
  async resolve(name: string): Promise<string> {
    const found = (await this.list()).find((model) => model.name === name);
    if (!found) throw new HttpProblem('NOT_FOUND', `there is no model ${quoted(name)} on this machine`);
    return found.kind === 'run' ? path.join(this.#runs, name, 'best') : name;
  }
}
