// vulkan.ts: finds the parts of Vulkan on this machine: driver manifests (ICDs), and NVIDIA's libraries that no manifest names.

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const MANIFEST_FOLDERS = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/usr/local/nvidia/share/vulkan/icd.d']; // prettier-ignore
const LIBRARY_FOLDERS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/usr/local/nvidia/lib64',
  '/usr/local/cuda/compat',
];
/** NVIDIA's driver for Vulkan is a part of libGLX_nvidia; containers often have CUDA's libraries and not this one. */
const NVIDIA =
  /^(libGLX_nvidia|libEGL_nvidia|libnvidia-(vulkan|glvkspirv|glcore|gpucomp)|libcuda)[\w.-]*\.so/;

export interface Vulkan {
  /** A manifest to name in VK_ICD_FILENAMES; undefined where the loader finds its own or there is none. */
  readonly manifest?: string;
  readonly manifests: readonly string[];
  readonly nvidiaLibraries: readonly string[];
  readonly missing: readonly string[];
  /** What nvidia-smi says: name, driver, memory. */
  readonly card: string;
}

/** @param scratch a folder for a manifest that is generated where the library exists but its manifest does not */
export function findVulkan(scratch: string): Vulkan {
  const given = process.env['VK_ICD_FILENAMES'];
  const found = MANIFEST_FOLDERS.flatMap((folder) => list(folder).map((name) => path.join(folder, name)));
  const libraries = LIBRARY_FOLDERS.flatMap((folder) =>
    list(folder)
      .filter((name) => NVIDIA.test(name))
      .map((name) => path.join(folder, name)),
  );
  const driver = libraries.find((file) => file.endsWith('libGLX_nvidia.so.0'));
  const card = cardName();
  const isNvidia = !card.startsWith('no ') || existsSync('/dev/nvidiactl');
  const missing = [
    ...(found.length === 0 && given === undefined ? ['no Vulkan manifest (nvidia_icd.json)'] : []),
    ...(isNvidia && driver === undefined ? ['libGLX_nvidia.so.0 (NVIDIA_DRIVER_CAPABILITIES=graphics in a container)'] : []),
    ...(isNvidia && !libraries.some((file) => file.includes('glvkspirv')) ? ['libnvidia-glvkspirv'] : []),
  ]; // prettier-ignore
  let manifest = given ?? found.find((file) => /nvidia/.test(file));
  if (manifest === undefined && driver !== undefined) {
    manifest = path.join(scratch, 'nvidia_icd.json');
    const content = { file_format_version: '1.0.0', ICD: { library_path: driver, api_version: '1.3.0' } };
    writeFileSync(manifest, JSON.stringify(content));
  }
  return { ...(manifest !== undefined && { manifest }), manifests: found, nvidiaLibraries: libraries, missing, card }; // prettier-ignore
}

function cardName(): string {
  const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader'];
  const asked = spawnSync('nvidia-smi', query, { encoding: 'utf8', timeout: 20_000 });
  return asked.status === 0 ? asked.stdout.trim() : 'no nvidia-smi';
}

function list(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
