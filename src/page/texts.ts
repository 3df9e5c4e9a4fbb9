// texts.ts: all that the page says, in English and Chinese.

import type { Problem } from './protocol.ts';

export type Language = 'en' | 'zh';

interface Texts {
  /** The button that changes to the other language, in that language. */
  readonly other: string;
  readonly drop: string;
  readonly choose: string;
  readonly camera: string;
  readonly stopCamera: string;
  readonly clear: string;
  readonly privacy: string;
  readonly ready: string;
  readonly working: string;
  readonly pictures: string;
  readonly live: string;
  readonly noCamera: string;
  readonly insecureCamera: string;
  readonly loading: (percent: number | undefined) => string;
  readonly classes: (count: number) => string;
  readonly unknown: string;
  readonly answer: (file: string, label: string, percent: string) => string;
  readonly noModel: (detail: string) => string;
  readonly problem: (problem: Problem) => string;
  readonly unnamed: (index: number) => string;
}

export const TEXTS: Readonly<Record<Language, Texts>> = {
  en: {
    other: '中文',
    drop: 'Drop pictures here, or paste one.',
    choose: 'Choose pictures',
    camera: 'Use the camera',
    stopCamera: 'Stop the camera',
    clear: 'Clear',
    privacy: 'Pictures are classified in this browser; they are not sent anywhere.',
    ready: 'Ready.',
    working: 'Working …',
    pictures: 'Pictures',
    live: 'Camera',
    noCamera: 'The camera cannot be used: it is missing, taken by another program, or not permitted.',
    insecureCamera: 'Browsers give the camera only to pages from https:// or from localhost.',
    loading: (percent) =>
      percent === undefined ? 'Loading the model …' : `Loading the model … ${percent} %`,
    classes: (count) => `${count} classes`,
    unknown: 'Unknown: this is unlike everything that the network has learnt.',
    answer: (file, label, percent) => `${file}: ${label}, ${percent}`,
    noModel: (detail) => `The model cannot be loaded: ${detail}`,
    problem: ({ code, message }) =>
      code === 'IMAGE_UNREADABLE'
        ? `Not read: ${message}. Try it as PNG or JPEG.`
        : `Not classified: ${message}`,
    unnamed: (index) => `class ${index}`,
  },
  zh: {
    other: 'English',
    drop: '把图片拖到这里，或直接粘贴。',
    choose: '选择图片',
    camera: '使用摄像头',
    stopCamera: '关闭摄像头',
    clear: '清空',
    privacy: '图片只在本浏览器内识别，不会发送到任何地方。',
    ready: '可以开始了。',
    working: '识别中……',
    pictures: '图片',
    live: '摄像头',
    noCamera: '无法使用摄像头：没有摄像头、被其他程序占用，或未获许可。',
    insecureCamera: '浏览器只允许 https:// 或 localhost 的页面使用摄像头。',
    loading: (percent) => (percent === undefined ? '正在加载模型……' : `正在加载模型…… ${percent} %`),
    classes: (count) => `${count} 个类别`,
    unknown: '未知：与网络学过的图片都不相似。',
    answer: (file, label, percent) => `${file}：${label}，${percent}`,
    noModel: (detail) => `无法加载模型：${detail}`,
    problem: ({ code, message }) =>
      code === 'IMAGE_UNREADABLE' ? '本浏览器无法解码这张图片，请换成 PNG 或 JPEG。' : `识别失败：${message}`,
    unnamed: (index) => `类别 ${index}`,
  },
};

const STORED = 'finch-language';

/** The language that was chosen on an earlier visit, else the browser's. */
export function firstLanguage(): Language {
  const stored = attempt(() => localStorage.getItem(STORED));
  if (stored === 'en' || stored === 'zh') return stored;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export function rememberLanguage(language: Language): void {
  attempt(() => localStorage.setItem(STORED, language));
}

/** Storage may be forbidden. */
function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
