// vulkan.ts: a Vulkan driver in software for the tests of WebGPU, where this machine has one.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Where Debian's chromium-common has SwiftShader. */
const DEBIAN_ICD = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** The environment that a child needs, or the reason why a test has to be skipped. */
export function softwareVulkan(): { readonly env: NodeJS.ProcessEnv; readonly skip: string | false } {
  const icd = process.env['VK_ICD_FILENAMES'] ?? (hasDriver() ? DEBIAN_ICD : undefined);
  return {
    env: { ...process.env, ...(icd !== undefined && { VK_ICD_FILENAMES: icd }) },
    skip:
      icd === undefined &&
      'needs a Vulkan driver: VK_ICD_FILENAMES, or SwiftShader from chromium-common and libvulkan1',
  };
}

/** The driver is of no use without the library that loads it, which is a package of its own. */
function hasDriver(): boolean {
  if (!existsSync(DEBIAN_ICD)) return false;
  const { stdout } = spawnSync('/sbin/ldconfig', ['-p'], { encoding: 'utf8' });
  return stdout?.includes('libvulkan.so.1') ?? false;
}
