use unicode_normalization::UnicodeNormalization;

/// A student's name in the one form in which names are compared. Systems write “é” as one character
/// or as two, and a teacher's list may come from another system than a folder does.
pub(crate) fn normal(name: &str) -> String {
    name.trim().nfc().collect()
}
