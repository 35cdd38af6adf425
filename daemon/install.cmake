# install.cmake - where everything goes.
#
# The prefix may be given as late as `cmake --install DIR --prefix /usr`, and the units and the
# configuration have paths in them, so those are made at install time.  With the prefix /usr the
# configuration is in /etc, else in PREFIX/etc.  DESTDIR works.

# kvd looks for kvd-worker beside itself.
install(TARGETS kvd kvd-worker RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
foreach(program kvctl kvbench)
    if(TARGET ${program})
        install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    endif()
endforeach()

# What a merge operator of one's own is written against.
install(FILES lib/merge/kvd_merge_operator.h DESTINATION include)
foreach(program kvctl kvbench)
    install(FILES cli/completions/${program}.bash DESTINATION share/bash-completion/completions
        RENAME ${program})
endforeach()
foreach(section 1 5 7 8)
    file(GLOB pages CONFIGURE_DEPENDS daemon/*.${section} worker/*.${section} cli/*.${section}
        cli/kvbench/*.${section})
    if(pages)
        install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
    endif()
endforeach()

# systemd has one place for these, whatever CMAKE_INSTALL_LIBDIR is.
install(FILES daemon/systemd/kvd.socket DESTINATION lib/systemd/system)
install(FILES daemon/systemd/kvd.sysusers DESTINATION lib/sysusers.d RENAME kvd.conf)

set(kv_install_settings "
    set(source \"${CMAKE_SOURCE_DIR}/daemon\")
    set(made \"${CMAKE_BINARY_DIR}/install\")
    set(sbindir \"${CMAKE_INSTALL_SBINDIR}\")
")
install(CODE "${kv_install_settings}" CODE [[
    get_filename_component(prefix "${CMAKE_INSTALL_PREFIX}" ABSOLUTE)
    set(KVD_SBINDIR "${prefix}/${sbindir}")
    set(KVD_CONFIG_DIR "${prefix}/etc/kvd")
    if(prefix STREQUAL "/usr")
        set(KVD_CONFIG_DIR "/etc/kvd")
    endif()
    set(KVD_CONFIG "${KVD_CONFIG_DIR}/kvd.conf")

    foreach(unit kvd.service kvd-worker@.service)
        configure_file("${source}/systemd/${unit}.in" "${made}/${unit}" @ONLY)
        file(INSTALL "${made}/${unit}" DESTINATION "${prefix}/lib/systemd/system")
    endforeach()
    configure_file("${source}/systemd/kvd.tmpfiles.in" "${made}/kvd.conf" @ONLY)
    file(INSTALL "${made}/kvd.conf" DESTINATION "${prefix}/lib/tmpfiles.d")

    # What the administrator has written stays.
    if(EXISTS "$ENV{DESTDIR}${KVD_CONFIG}")
        message(STATUS "Kept: $ENV{DESTDIR}${KVD_CONFIG}")
    else()
        file(INSTALL "${source}/kvd.conf" DESTINATION "${KVD_CONFIG_DIR}"
            PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)
    endif()
]])
