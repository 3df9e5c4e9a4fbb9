// words-classifier.ts: a network that compares pictures with words, as a classifier whose classes are the user's own words.

import type { PreparedPixels } from '../images/prepare.ts';
import { dot, normalized } from '../util/dot.ts';
import { AppError } from '../util/errors.ts';
import { batchOf } from './network.ts';
import type { Member, OpenedClassifier } from './classifier.ts';
import { embedTexts } from './words.ts';
import type { Work } from './work.ts';

/** What is compared with a picture is a sentence, as these networks are trained on; transformers' pipeline asks the same. */
const sentenceOf = (word: string) => `This is a photo of ${word}.`;

/**
 * @param words the classes, in this order
 * @throws AppError MODEL_UNSUPPORTED where the network takes no texts
 */
export function wordsClassifier(member: Member, words: readonly string[], work: Work): OpenedClassifier {
  const { network } = member;
  const { model, preprocessing, readText, threads } = network;
  const { name, graph } = model;
  if (!readText) {
    throw new AppError(
      'MODEL_UNSUPPORTED',
      `--classes: ${name} takes no texts; name a network that compares pictures with words, a CLIP or SigLIP with its tokenizer (hf:OWNER/NAME)`,
    );
  }
  const load = async () => {
    const loaded = await network.load([graph.output]);
    const { predictor, engine } = loaded;
    const [shape] = predictor.outputShapes;
    const half = await readText();
    const { activation, scale, bias } = half.comparison;
    const texts = await embedTexts(
      half,
      words.map(sentenceOf),
      { name, numbers: shape!.at(-1)!, threads },
      work,
    );
    if (words.length === 1 && activation === 'softmax') {
      work.note(
        `${name} shares 1 among the classes: with one class its probability is 1 for every picture; add others`,
      );
    }
    return {
      name,
      labels: { set: 'own', names: words } as const,
      classes: words.length,
      output: { activation: activation === 'sigmoid' ? activation : 'none', isBinary: false } as const,
      engine: engine.description,
      async answers(images: readonly PreparedPixels[]) {
        const pixels = images.map((image) => image.pixels[0]!);
        const [embeddings] = await predictor.run(batchOf(pixels, preprocessing.size));
        const numbers = embeddings!.data.length / images.length;
        return images.map((_, i) => {
          const picture = normalized(embeddings!.data.slice(i * numbers, (i + 1) * numbers));
          const logits = Float32Array.from(texts, (text) => scale * dot(picture, text) + bias);
          return { row: activation === 'sigmoid' ? logits.map((x) => 1 / (1 + Math.exp(-x))) : logits };
        });
      },
    };
  };
  return { name, members: [member], preprocessings: [preprocessing], load, close: () => network.close() };
}
