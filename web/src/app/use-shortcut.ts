import { onBeforeUnmount, onMounted } from 'vue'

/** Ctrl or ⌘ with a letter, wherever one is in the page. */
export function useShortcut(letter: string, act: () => void): void {
  function hear(event: KeyboardEvent): void {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== letter) return
    event.preventDefault()
    act()
  }
  onMounted(() => addEventListener('keydown', hear))
  onBeforeUnmount(() => removeEventListener('keydown', hear))
}
