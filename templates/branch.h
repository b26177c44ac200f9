// Branches that stay branches.
//
// The text is cut by tools: from one section line to the next (or to the end line) reaches one
// section.

#ifndef ET_TEMPLATES_BRANCH_H
#define ET_TEMPLATES_BRANCH_H

//: section keep_branch
// Stands in a branch that alone may read what it reads. gcc 12 makes vectors of such loads, with
// masks, and then reads what some of these masks leave out.
#define KEEP_BRANCH __asm__("")
//: end

#endif
