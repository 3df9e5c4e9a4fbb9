// export.ts: a model as one ONNX file that any onnxruntime opens: weights inside, normalisation as its first step. Standard
// operators only. Pixels go in as uint8 [N,H,W,3], RGB.

import { AppError } from '../../util/errors.ts';
import type { Batch, EngineModel, LoadOptions } from '../engine.ts';
import { lowerInference } from './lower-inference.ts';
import { encodeModel } from '../../formats/onnx-writer.ts';
import { loadRuntime } from './runtime.ts';

export interface OnnxExport {
  /** `[H,W]` of the pictures that the model will receive. */
  readonly size: NonNullable<LoadOptions['size']>;
  /** The output's name. */
  readonly output: string;
  /** The file's metadata_props. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** The bytes of a .onnx file. */
export function exportOnnx(model: EngineModel, { size, output, metadata }: OnnxExport): Uint8Array {
  const { graph, header, weights } = lowerInference(model, { size }, [output]);
  return encodeModel(
    {
      ...graph,
      initializers: graph.initializers.map((constant) => {
        const { content } = constant;
        if (content instanceof Uint8Array) return constant;
        return { ...constant, content: weights.subarray(content.offset, content.offset + content.length) };
      }),
    },
    { ...header, metadata },
  );
}

/** Runs a file on plain onnxruntime for a batch, and returns the numbers of its only output. @throws AppError MODEL_INVALID */
export async function runOnnxFile(
  file: string,
  { data, count, height, width }: Batch,
): Promise<Float32Array> {
  const { InferenceSession, Tensor } = await loadRuntime();
  const session = await InferenceSession.create(file, { logSeverityLevel: 4 });
  try {
    const [input, output] = [session.inputNames[0]!, session.outputNames[0]!];
    const results = await session.run({ [input]: new Tensor('uint8', data, [count, height, width, 3]) });
    return results[output]!.data as Float32Array;
  } catch (error) {
    throw new AppError('MODEL_INVALID', `${file} does not run in onnxruntime`, { cause: error });
  } finally {
    await session.release();
  }
}
