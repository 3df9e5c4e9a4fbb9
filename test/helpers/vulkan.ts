// vulkan.ts: a Vulkan driver in software for the tests of WebGPU, where this machine has one.

import { existsSync } from 'node:fs';

/** Where Debian's chromium-common has SwiftShader. */
const DEBIAN_ICD = '/usr/lib/chromium/vk_swiftshader_icd.json';

/** The environment that a child needs, or the reason why a test has to be skipped. */
export function softwareVulkan(): { readonly env: NodeJS.ProcessEnv; readonly skip: string | false } {
  const icd = process.env['VK_ICD_FILENAMES'] ?? (existsSync(DEBIAN_ICD) ? DEBIAN_ICD : undefined);
  return {
    env: { ...process.env, ...(icd !== undefined && { VK_ICD_FILENAMES: icd }) },
    skip: icd === undefined && 'needs a Vulkan driver: VK_ICD_FILENAMES, or SwiftShader from chromium-common',
  };
}
