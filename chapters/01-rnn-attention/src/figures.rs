//! The figures and tables of the book's page on this chapter, computed by the chapter's own code.
