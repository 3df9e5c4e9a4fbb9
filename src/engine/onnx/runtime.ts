// runtime.ts: the only import of onnxruntime-node, and a lazy one: it loads 45 MB.

import { AppError, messageOf } from '../../util/errors.ts';
import type { Device } from '../engine.ts';
import { locateRuntime } from './locate.ts';
import { WEIGHTS_LOCATION } from '../../formats/onnx-weights-name.ts';

export type Runtime = typeof import('onnxruntime-node');
export type Session = import('onnxruntime-node').InferenceSession;

let runtime: Promise<Runtime> | undefined;

/** @throws AppError ENGINE_UNAVAILABLE when the runtime is not there, or its binary for this platform cannot be loaded */
export function loadRuntime(): Promise<Runtime> {
  runtime ??= importRuntime();
  return runtime;
}

async function importRuntime(): Promise<Runtime> {
  const address = locateRuntime();
  // Since 1.29 the runtime tells its makers of each session, and keeps a number of the machine and what waits to be sent below
  // XDG_CACHE_HOME. This is read when it is loaded, and then nothing is kept or sent.
  process.env['ORT_DISABLE_TELEMETRY'] = '1';
  try {
    return (await import(address)) as Runtime;
  } catch (error) {
    throw new AppError(
      'ENGINE_UNAVAILABLE',
      `onnxruntime-node does not load on ${process.platform} ${process.arch}: ${messageOf(error)}. Install finch anew, in a checkout with: npm ci`,
      { cause: error },
    );
  }
}

/** Devices that the installed runtime has code for; whether the machine has the hardware is known only when a device is used. */
export async function bundledDevices(): Promise<readonly string[]> {
  const { listSupportedBackends } = await loadRuntime();
  return listSupportedBackends().map((backend) => backend.name);
}

interface SessionSettings {
  readonly device: Device;
  readonly threads: number;
  /** The buffer beside the model. */
  readonly constants: Uint8Array;
  /** Whether a session fails instead of running an operator on the CPU. */
  readonly onlyOnDevice?: boolean;
  /** Whether it is a training step. Its threads spin while they wait, which is faster, and nothing else needs the cores then. */
  readonly trains: boolean;
  /** Outputs that stay on the device, which only WebGPU can do. */
  readonly stays?: readonly string[];
}

/** Options of a session for a model that finch wrote. */
export function sessionOptions({
  device,
  threads,
  constants,
  trains,
  onlyOnDevice = false,
  stays = [],
}: SessionSettings) {
  return {
    executionProviders: [device],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    // What the runtime logs of an error it also throws.
    logSeverityLevel: 4,
    // Memory planned ahead for a step would come in addition to the memory of the first step: nearly twice as much in total.
    enableMemPattern: !trains,
    preferredOutputLocation: Object.fromEntries(stays.map((name) => [name, 'gpu-buffer'] as const)),
    externalData: constants.length > 0 ? [{ path: WEIGHTS_LOCATION, data: constants }] : [],
    extra: {
      session: {
        intra_op: { allow_spinning: trains ? '1' : '0' },
        // Between steps other work needs the cores.
        force_spinning_stop: '1',
        ...(onlyOnDevice && { disable_cpu_ep_fallback: '1' }),
      },
      // This optimizer makes pooling of padded pictures fail when the padding is as wide as the window.
      optimization: { disable_specified_optimizers: 'Pad_Fusion' },
    },
  } as const;
}
