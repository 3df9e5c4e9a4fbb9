// app.tsx: the frame of the page: its header, its four views, and what is said at its foot.

import { useEffect, useMemo, useState } from 'preact/hooks';
import { PicturesView } from './pictures/pictures-view.tsx';
import { UploadPanel } from './pictures/upload-panel.tsx';
import { StudioContext, type Studio } from './studio.ts';
import { TakeView } from './take/take-view.tsx';
import { TrainView } from './training/train-view.tsx';
import { TryView } from './try/try-view.tsx';
import { useActions, type Message } from './use-actions.ts';
import { useFolder } from './use-folder.ts';
import { firstLanguage, keepLanguage, WORDS, type Language } from './words/languages.ts';
import type { Words } from './words/en.ts';

const VIEWS = { pictures: PicturesView, train: TrainView, try: TryView, take: TakeView };
type View = keyof typeof VIEWS;

const viewOfAddress = (): View => {
  const named = location.hash.slice(1);
  return Object.hasOwn(VIEWS, named) ? (named as View) : 'pictures';
};

export function App() {
  const [language, setLanguage] = useState(firstLanguage);
  const words = WORDS[language];
  const folder = useFolder();
  const actions = useActions(words, folder.refresh);
  const view = useView();

  useEffect(() => {
    document.documentElement.lang = words.code;
  }, [words]);
  useEffect(() => {
    document.title = folder.state ? `${folder.state.folder} · finch studio` : 'finch studio';
  }, [folder.state?.folder]);

  const studio = useMemo((): Studio | undefined => {
    if (folder.state === undefined) return undefined;
    const { state, changes, inspecting } = folder;
    return { ...actions, state, changes, inspecting, words };
  }, [actions, folder.state, folder.changes, folder.inspecting, words]);

  const Shown = VIEWS[view];
  const choose = (chosen: Language) => {
    keepLanguage(chosen);
    setLanguage(chosen);
  };
  return (
    <StudioContext.Provider value={studio}>
      <Header words={words} studio={studio} view={view} onLanguage={choose} language={language} />
      {folder.trouble && (
        <p class="trouble" role="alert">
          {folder.trouble === 'closed' ? words.closed : words.offline}
        </p>
      )}
      {folder.state?.trouble && !folder.trouble && (
        <p class="trouble" role="alert">
          {words[folder.state.trouble](folder.state.folder)}
        </p>
      )}
      {studio ? <Shown /> : <p class="hint pad">{words.loading}</p>}
      {studio && <UploadPanel />}
      <Said message={actions.message} words={words} onClose={actions.clearMessage} />
    </StudioContext.Provider>
  );
}

function useView(): View {
  const [view, setView] = useState(viewOfAddress);
  useEffect(() => {
    const change = () => setView(viewOfAddress());
    addEventListener('hashchange', change);
    // It may have changed before anybody listened.
    change();
    return () => removeEventListener('hashchange', change);
  }, []);
  return view;
}

interface HeaderProps {
  readonly words: Words;
  readonly studio: Studio | undefined;
  readonly view: View;
  readonly language: Language;
  readonly onLanguage: (language: Language) => void;
}

function Header({ words, studio, view, language, onLanguage }: HeaderProps) {
  const canUndo = studio?.state.canUndo ?? null;
  const other: Language = language === 'en' ? 'zh' : 'en';
  return (
    <header class="top">
      <h1>
        <bdi>{studio?.state.folder ?? 'finch studio'}</bdi>
      </h1>
      <nav aria-label={words.mainNavigation}>
        {Object.keys(VIEWS).map((name) => (
          <a key={name} href={`#${name}`} {...(name === view && { 'aria-current': 'page' as const })}>
            {words.views[name as View]}
            {name === 'train' && studio?.state.training?.state === 'running' && <i class="live" />}
          </a>
        ))}
      </nav>
      <button
        type="button"
        class="quiet"
        disabled={canUndo === null}
        title={canUndo === null ? words.nothingToUndo : words.undoOf(words.change(canUndo))}
        onClick={() => studio?.undo()}
      >
        {words.undo}
      </button>
      <button
        type="button"
        class="quiet"
        lang={WORDS[other].code}
        aria-label={WORDS[other].otherLanguage}
        onClick={() => onLanguage(other)}
      >
        {WORDS[other].name}
      </button>
    </header>
  );
}

interface SaidProps {
  readonly message: Message | undefined;
  readonly words: Words;
  readonly onClose: () => void;
}

/** One sentence at the foot of the page. Both regions are always there, so that screen readers watch them. */
function Said({ message, words, onClose }: SaidProps) {
  return (
    <div class={`said ${message ? 'shown' : ''} ${message?.kind ?? ''}`}>
      <p role="status">{message?.kind === 'done' ? message.text : ''}</p>
      <p role="alert">{message?.kind === 'problem' ? message.text : ''}</p>
      {message && (
        <button type="button" class="quiet" aria-label={words.close} onClick={onClose}>
          ×
        </button>
      )}
    </div>
  );
}
