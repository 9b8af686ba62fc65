import type { OptionSummary } from '../../../../src/protocol/driver-description.ts'
import { useTexts } from '../../app/texts.ts'
import { optionHelpZhCn } from './locales/option-help-zh-cn.ts'

/** What an option of a target is, in the language of the page; as its driver says it where nobody has written it in that language. */
export function useOptionHelp() {
  const { language } = useTexts()
  const written: Readonly<Record<string, Readonly<Record<string, string>>>> = optionHelpZhCn
  return (kind: string, { name, help }: Pick<OptionSummary, 'name' | 'help'>): string =>
    (language.value === 'zh-CN' ? written[kind]?.[name] : undefined) ?? help
}
