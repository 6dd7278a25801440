import { env, l10n } from 'vscode';

/** VS Code's language; the table is `l10n/bundle.l10n.<language>.json`. */
export const say = (text: string, ...given: string[]): string => l10n.t(text, ...given);

export const spanish = (): boolean => /^es\b/i.test(env.language);
