#compdef @PROGRAM@
# Completion of @PROGRAM@ for zsh. The table below is made of its --help when it is built.

_@FUNCTION@_table() {
    cat <<'END'
@TABLE@
END
}

# Commands and options with what they do; of options with few words, the words; else files.
_@FUNCTION@() {
    local command=- of long short takes argument about tab=$'\t'
    local -a commands options
    local -A known
    while IFS=$tab read -r of long short takes argument about; do
        [[ $of == command ]] && known[$long]=1 && commands+=("$long:$about")
    done < <(_@FUNCTION@_table)
    local part
    for part in ${words[2,CURRENT-1]}; do
        if [[ -n ${known[$part]-} ]]; then
            command=$part
            break
        fi
    done
    if [[ $command == - && ${#commands} -gt 0 && $PREFIX != -* ]]; then
        _describe command commands
        return
    fi
    while IFS=$tab read -r of long short takes argument about; do
        [[ $of == $command ]] || continue
        about=${${about//\[/(}//\]/)}
        case $takes in
        none) options+=("$long[$about]") ;;
        *)
            local what=_files value=${${argument//:/ }//[\[\]]/}
            [[ $argument != *'|'* ]] || what="(${argument//|/ })"
            [[ $takes == = ]] && options+=("*$long=[$about]:$value:$what") ||
                options+=("*$long=-[$about]::$value:$what")
            ;;
        esac
    done < <(_@FUNCTION@_table)
    _arguments -S $options '*:file:_files'
}
compdef _@FUNCTION@ @PROGRAM@
