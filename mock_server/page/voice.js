// Speech in and out, where the browser can.

export const Recognition = window.SpeechRecognition ?? window.webkitSpeechRecognition;
export const sound = { on: false };

export function speak(text) {
  if (!sound.on) return;
  const utterance = new SpeechSynthesisUtterance(text);
  utterance.lang = "ru-RU";
  speechSynthesis.speak(utterance);
}
