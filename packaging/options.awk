# Makes a table of what `PROGRAM --help` or `PROGRAM COMMAND --help` prints, a line an option, its
# fields apart by tabs:
#   COMMAND  LONG  SHORT  = or none or optional  ARGUMENT  SUMMARY
# and, where the help lists commands, a line for each:
#   command  NAME  -  none  -  SUMMARY
# -v command=NAME names the command, "-" the program itself; "-" is what is not there. argp prints
# its options in one form: behind two blanks, or six where there is no short one; what an option
# does stands behind it and, far indented, on the lines below.

function flush() {
    if (long == "") return
    sub(/^ +/, "", about)
    gsub(/ \([^()]*\)/, "", about)
    sub(/[.;] .*/, "", about)
    sub(/[.;:]? *$/, "", about)
    print command, long, short, kind, argument, about
    long = ""
}

BEGIN { OFS = "\t" }
/^(  -., |      )--[a-z]/ {
    flush()
    short = substr($0, 3, 2) ~ /^-/ ? substr($0, 3, 2) : "-"
    rest = substr($0, 7)
    match(rest, /^[^ ]+/)
    long = argument = substr(rest, 1, RLENGTH)
    about = substr(rest, RLENGTH + 1)
    sub(/\[?=.*/, "", long)
    argument = substr(argument, length(long) + 1)
    kind = argument == "" ? "none" : argument ~ /^\[/ ? "optional" : "="
    sub(/^\[?=/, "", argument)
    if (kind == "optional") sub(/\]$/, "", argument)
    if (kind == "none") argument = "-"
    next
}
long != "" && /^                    / {
    sub(/^ +/, " ")
    about = about $0
    next
}
{ flush() }
command == "-" && /^  [a-z]+ +[a-z]/ {
    name = $1
    sub(/^  [a-z]+ +/, "")
    print "command", name, "-", "none", "-", $0
}
END { flush() }
