// runtime.ts: the only import of onnxruntime-node, and a lazy one: it loads 45 MB.

import { AppError, messageOf } from '../../util/errors.ts';

export type Runtime = typeof import('onnxruntime-node');
export type Session = import('onnxruntime-node').InferenceSession;

let runtime: Promise<Runtime> | undefined;

/** @throws AppError ENGINE_UNAVAILABLE when the package or its binary for this platform cannot be loaded */
export function loadRuntime(): Promise<Runtime> {
  runtime ??= import('onnxruntime-node').catch((error: unknown) => {
    throw new AppError(
      'ENGINE_UNAVAILABLE',
      `onnxruntime-node does not load on ${process.platform} ${process.arch}: ${messageOf(error)}. Reinstall with: npm ci`,
      { cause: error },
    );
  });
  return runtime;
}

/** Devices that the installed runtime has code for; whether the machine has the hardware shows when one is used. */
export async function bundledDevices(): Promise<readonly string[]> {
  const { listSupportedBackends } = await loadRuntime();
  return listSupportedBackends().map((backend) => backend.name);
}
