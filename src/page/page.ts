// page.ts: the page: takes pictures from the file chooser, from drops, the clipboard and the camera, and shows what the model says.

import { answerParts, percentOf } from './answers.ts';
import { startCamera, type Stop } from './camera.ts';
import { createCards, problemText } from './cards.ts';
import { startClassifier, type Classifier } from './classifier.ts';
import { readNaming, type Naming } from './naming.ts';
import type { Answer } from './protocol.ts';
import { firstLanguage, rememberLanguage, TEXTS, type Language } from './texts.ts';

const found = <T extends HTMLElement>(id: string, kind: new () => T): T => {
  const there = document.querySelector(`#${id}`);
  if (there instanceof kind) return there;
  throw new Error(`index.html has no ${id}`);
};

const status = found('status', HTMLElement);
const about = found('about', HTMLElement);
const files = found('files', HTMLInputElement);
const camera = found('camera', HTMLButtonElement);
const clear = found('clear', HTMLButtonElement);
const live = found('live', HTMLElement);
const liveAnswers = found('live-answers', HTMLElement);
const video = found('video', HTMLVideoElement);
const results = found('results', HTMLElement);
const languageButton = found('language', HTMLButtonElement);

let language: Language = firstLanguage();
let naming: Naming = (index, language) => ({ first: { text: TEXTS[language].unnamed(index) } });
/** Says the status again, in another language. */
let say: () => string = () => TEXTS[language].loading(undefined);
let classifier: Classifier | undefined;
let stopCamera: Stop | undefined;
let lastSeen: Answer | undefined;

const cards = createCards(
  found('pictures', HTMLElement),
  () => naming,
  () => language,
);

function tell(text: () => string): void {
  say = text;
  status.textContent = text();
}

const started = start();

async function start(): Promise<Classifier> {
  const percent = (share: number) => Math.floor(100 * share);
  const [model, names] = await Promise.all([
    startClassifier(({ bytes, of }) => tell(() => TEXTS[language].loading(percent(bytes / of)))),
    readNaming(),
  ]);
  [classifier, naming] = [model, names];
  document.body.classList.add('ready');
  draw();
  tell(() => TEXTS[language].ready);
  return model;
}

started.catch((error: unknown) => {
  status.classList.add('problem');
  tell(() => TEXTS[language].noModel(error instanceof Error ? error.message : String(error)));
});

function classify(given: Iterable<File>): void {
  for (const file of given) void classifyOne(file);
}

async function classifyOne(file: File): Promise<void> {
  results.hidden = false;
  const card = cards.add(file);
  try {
    const answer = await (await started).ask(file);
    card.show({ answer });
    const [best] = answer.ranked;
    if (answer.isUnknown) tell(() => `${file.name}: ${TEXTS[language].unknown}`);
    else if (best)
      tell(() =>
        TEXTS[language].answer(
          file.name,
          naming(best.index, language).first.text,
          percentOf(best.probability),
        ),
      );
  } catch (error) {
    card.show({ error });
    if (classifier) tell(() => `${file.name}: ${problemText(error, language)}`);
  }
}

async function toggleCamera(): Promise<void> {
  if (stopCamera) {
    stopCamera();
    stopCamera = undefined;
  } else {
    camera.disabled = true;
    try {
      const { ask } = await started;
      stopCamera = await startCamera(video, ask, (answer) => {
        lastSeen = answer;
        drawLive();
      });
    } catch {
      tell(() => (isSecureContext ? TEXTS[language].noCamera : TEXTS[language].insecureCamera));
    } finally {
      camera.disabled = false;
    }
  }
  live.hidden = stopCamera === undefined;
  draw();
}

function drawLive(): void {
  liveAnswers.replaceChildren(...(lastSeen ? answerParts(lastSeen, naming, language) : []));
}

/** All texts, in the page's language. */
function draw(): void {
  const texts = TEXTS[language];
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  for (const place of document.querySelectorAll<HTMLElement>('[data-text]')) {
    const text = texts[place.dataset['text'] as 'drop'];
    place.textContent = text;
  }
  languageButton.textContent = texts.other;
  languageButton.lang = language === 'zh' ? 'en' : 'zh-CN';
  camera.textContent = stopCamera ? texts.stopCamera : texts.camera;
  if (classifier) {
    const { name, classes } = classifier.model;
    document.title = name;
    found('name', HTMLElement).textContent = name;
    about.textContent = texts.classes(classes);
  }
  status.textContent = say();
  cards.draw();
  drawLive();
}

files.addEventListener('change', () => {
  classify(files.files ?? []);
  // The same file may be chosen again.
  files.value = '';
});
clear.addEventListener('click', () => {
  cards.clear();
  results.hidden = true;
  files.focus();
});
camera.addEventListener('click', () => void toggleCamera());
languageButton.addEventListener('click', () => {
  language = language === 'zh' ? 'en' : 'zh';
  rememberLanguage(language);
  draw();
});

document.addEventListener('paste', ({ clipboardData }) => classify(clipboardData?.files ?? []));
document.addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('dragged');
});
document.addEventListener('dragleave', ({ relatedTarget }) => {
  if (relatedTarget === null) document.body.classList.remove('dragged');
});
document.addEventListener('drop', (event) => {
  event.preventDefault();
  document.body.classList.remove('dragged');
  classify(event.dataTransfer?.files ?? []);
});

draw();
